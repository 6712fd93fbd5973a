import { eventually } from '../rig/context.ts';
import { TrialRegion } from './region.ts';
import { seeded, type Trial } from './trial.ts';

const WITHIN_SECONDS = 10;
const DEADLINE_MS = 60_000;

/** F3: SIGTERM under load ends the daemon with 0 in time, and the next one reads nothing again. */
export const f3: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  const stops = full ? 20 : 4;
  await using region = await TrialRegion.start({ topic: 'stops', partitions: 4, keys: 2_000 });
  let inTime = true;
  await region.daemon.start();
  for (let n = 1; n <= stops; n++) {
    const over = new AbortController();
    const writing = region.write(Number.MAX_SAFE_INTEGER, over.signal);
    const before = await region.applied();
    const some = 500 + Math.floor(random() * 3_000);
    await eventually(async () => (await region.applied()) > before + some, { deadlineMs: DEADLINE_MS, what: 'records flowing' });
    const { code, seconds } = await region.daemon.stop();
    inTime &&= code === 0 && seconds < WITHIN_SECONDS;
    say(`stop ${n}/${stops}: ${code} after ${seconds.toFixed(2)} s`);
    over.abort();
    await writing;
    await region.daemon.start();
  }
  const settled = await region.settle(DEADLINE_MS);
  // A record that was read again would count twice.
  const notReplayed = (await region.applied()) === region.records;
  const different = await region.mirroredDifferently();
  return { ...(await region.judge()), cases: stops, holds: { inTime, settled, notReplayed, mirroredAlike: different === 0 } };
};

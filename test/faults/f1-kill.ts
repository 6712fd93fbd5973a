import { setTimeout as delay } from 'node:timers/promises';
import { FAILPOINT_VARIABLE } from '../../src/daemon/failpoints.ts';
import { eventually } from '../rig/context.ts';
import { breakingPoints, smallCycles } from './breaking-points.ts';
import { TrialRegion } from './region.ts';
import { seeded, type Trial } from './trial.ts';

const MOST_PASSINGS = 6;
const MOST_DELAY_MS = 900;
const DEADLINE_MS = 60_000;

/**
 * F1: SIGKILL at every named step in turn, and between them at random moments, while records are written. The records of
 * one kill are what its daemon is given to break on, so that the writer does not run away from it.
 */
export const f1: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  const [kills, records] = full ? [200, 1_000_000] : [18, 36_000];
  const perKill = Math.floor(records / kills / 100) * 100;
  await using region = await TrialRegion.start({
    topic: 'kills',
    partitions: full ? 16 : 4,
    keys: full ? 20_000 : 2_000,
    mirror: smallCycles,
  });
  const never = new AbortController().signal;
  let done = 0;
  for (; done < kills; done++) {
    const step = done % 2 === 0 ? breakingPoints[(done / 2) % breakingPoints.length] : undefined;
    const nth = 1 + Math.floor(random() * MOST_PASSINGS);
    const afterMs = random() * MOST_DELAY_MS;
    await region.write(perKill, never);
    if (step === undefined) {
      await region.daemon.start();
      await delay(afterMs);
      await region.daemon.kill();
    } else {
      await region.daemon.launch({ [FAILPOINT_VARIABLE]: `${step}=kill@${nth}` });
      await killedAtStep(region, step);
    }
    say(
      `kill ${done + 1}/${kills}: ${step === undefined ? `after ${afterMs.toFixed(0)} ms` : `${step} the ${nth}. time`}, ${await region.applied()} of ${region.records} applied`,
    );
  }
  await region.daemon.start();
  const settled = await region.settle(full ? 5 * DEADLINE_MS : DEADLINE_MS);
  const judged = await region.judge();
  const different = await region.mirroredDifferently();
  if (different > 0) say(`${different} partitions differ from home`);
  return { ...judged, cases: done, holds: { settled, mirroredAlike: different === 0 } };
};

/** Records go on coming until the daemon has passed its step often enough. */
async function killedAtStep(region: TrialRegion, step: string): Promise<void> {
  const over = new AbortController();
  const feeding = region.feed(over.signal);
  // Its failure is heard when it is waited for.
  feeding.catch(() => undefined);
  try {
    const { signal } = await eventually(() => Promise.race([region.daemon.ended(), delay(1_000).then(() => undefined)]), {
      deadlineMs: DEADLINE_MS,
      what: `the daemon dying at ${step}`,
    });
    if (signal !== 'SIGKILL') throw new Error(`the daemon ended with ${signal} at ${step}, not by its failpoint`);
  } finally {
    over.abort();
    await feeding;
  }
}

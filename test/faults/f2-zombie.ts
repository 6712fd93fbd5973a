import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { FAILPOINT_VARIABLE } from '../../src/daemon/failpoints.ts';
import { eventually } from '../rig/context.ts';
import type { TestDaemon } from '../scenario/daemon.ts';
import { breakingPoints, smallCycles } from './breaking-points.ts';
import { TrialRegion } from './region.ts';
import { seeded, type Trial } from './trial.ts';

const MOST_PASSINGS = 5;
const MOST_DELAY_MS = 900;
const DEADLINE_MS = 60_000;
/** Longer than the lease (3 s), a request (5 s), and the transaction (5 s) may last. */
const STOPPED_MS = 6_500;

/**
 * F2: the active daemon is stopped (SIGSTOP) at every named step in turn and between them at random moments, for longer than any
 * timeout. Another takes over and goes on; then the first wakes up in the middle of what it did. What it sends must change nothing.
 */
export const f2: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  const stops = full ? 50 : 6;
  await using region = await TrialRegion.start({ topic: 'zombies', partitions: 4, keys: 2_000, mirror: smallCycles });
  const [heir, zombie] = [region.daemon, await region.another()];
  const over = new AbortController();
  const feeding = region.feed(over.signal, 20);
  // Its failure is heard when it is waited for.
  feeding.catch(() => undefined);
  let slowestMs = 0;
  try {
    await heir.start();
    for (let n = 0; n < stops; n++) {
      // The short form takes every third step.
      const step = n % 2 === 0 ? breakingPoints[(full ? n / 2 : 1 + (n / 2) * 3) % breakingPoints.length] : undefined;
      const nth = 1 + Math.floor(random() * MOST_PASSINGS);
      await zombie.launch(step === undefined ? {} : { [FAILPOINT_VARIABLE]: `${step}=stop@${nth}` });
      await hasRole(zombie, 'standby');
      // In order: the one to be stopped is active at once.
      await heir.stop();
      await heir.launch();
      if (step === undefined) {
        await hasRole(zombie, 'active');
        await delay(random() * MOST_DELAY_MS);
        zombie.signal('SIGSTOP');
      }
      await eventually(() => isStopped(zombie.pid), { deadlineMs: DEADLINE_MS, what: `the daemon stopping at ${step}` });
      const stoppedMs = performance.now();
      await hasRole(heir, 'active');
      const takeoverMs = performance.now() - stoppedMs;
      slowestMs = Math.max(slowestMs, takeoverMs);
      await delay(Math.max(0, STOPPED_MS - takeoverMs));
      await region.caughtUp(DEADLINE_MS);
      zombie.signal('SIGCONT');
      const became = await eventually(() => retired(zombie), { deadlineMs: DEADLINE_MS, what: 'the woken daemon giving up' });
      say(
        `stop ${n + 1}/${stops}: ${step ?? 'at a random moment'}, taken over after ${(takeoverMs / 1000).toFixed(1)} s, the woken one: ${became}`,
      );
      await zombie.kill();
    }
  } finally {
    over.abort();
    await feeding;
  }
  const settled = await region.settle(DEADLINE_MS);
  const different = await region.mirroredDifferently();
  if (different > 0) say(`${different} partitions differ from home`);
  say(`slowest takeover ${(slowestMs / 1000).toFixed(1)} s`);
  return { ...(await region.judge()), cases: stops, holds: { settled, mirroredAlike: different === 0 } };
};

const hasRole = async (daemon: TestDaemon, role: 'active' | 'standby'): Promise<void> => {
  await eventually(async () => (await daemon.status()).role === role, { deadlineMs: DEADLINE_MS, what: `a daemon being ${role}` });
};

/** Whether the process is stopped by a signal; without /proc (macOS) `ps` would tell, and the trials run on Linux. */
export async function isStopped(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).startsWith('T');
}

/** What the woken daemon is now that it has seen that it lost the region; undefined while it still believes. */
async function retired(daemon: TestDaemon): Promise<string | undefined> {
  const ended = await Promise.race([daemon.ended(), delay(200).then(() => undefined)]);
  if (ended !== undefined) return `ended with ${ended.code ?? ended.signal}`;
  const { role } = await daemon.status();
  return role === 'standby' ? role : undefined;
}

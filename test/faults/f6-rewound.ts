import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../rig/context.ts';
import type { PostgresServer } from '../rig/postgres.ts';
import { smallCycles } from './breaking-points.ts';
import { copyableParameters, DatabaseCopy, Standby } from './database-copies.ts';
import { TrialRegion } from './region.ts';
import { seeded, type Trial } from './trial.ts';

const DEADLINE_MS = 120_000;
const WITHIN_MS = 60_000;

/**
 * F6: the database is set back, by a failover to an asynchronous standby that lost the last commits, and by a restore of an
 * older backup. Rows and positions are in one database, so that they go back together; the daemon, which remembers later
 * positions, must believe the database and not itself.
 */
export const f6: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  const rounds = full ? 10 : 1;
  await using region = await TrialRegion.start({
    topic: 'rewound',
    partitions: 4,
    keys: 2_000,
    mirror: smallCycles,
    rig: { database: { parameters: copyableParameters } },
  });
  await using disposals = new AsyncDisposableStack();
  let current: PostgresServer = region.rig.database;
  const { port } = current;
  const over = new AbortController();
  const feeding = region.feed(over.signal, 10);
  // Its failure is heard when it is waited for.
  feeding.catch(() => undefined);
  let cases = 0;
  let inTime = true;

  /** Runs `setBack` once commits were made that it will lose: the copy it goes back to was cut off before `kept` was read. */
  const lose = async (what: string, setBack: () => Promise<PostgresServer>): Promise<void> => {
    const kept = await region.applied();
    await eventually(async () => (await region.applied()) >= kept + 1_000, { deadlineMs: DEADLINE_MS, what: 'commits that will be lost' });
    await delay(random() * 500);
    const before = await region.applied();
    current = disposals.use(await setBack());
    const after = await eventually(
      async () => {
        const found = await region.applied();
        return found > 0 ? found : undefined;
      },
      { what: 'the database answering again' },
    );
    const tookMs = await region.caughtUp(DEADLINE_MS);
    inTime &&= tookMs < WITHIN_MS;
    say(
      `${what}: at least ${before - kept} of ${before} applied records lost, ${after} when it answered again; caught up ${(tookMs / 1000).toFixed(1)} s later`,
    );
    cases++;
  };

  try {
    await region.daemon.start();
    await region.caughtUp(DEADLINE_MS);
    for (let round = 0; round < rounds; round++) {
      const standby = disposals.use(await Standby.of(current));
      await standby.streams();
      await standby.cutOff();
      await lose('failover to a standby', async () => {
        await current.kill('SIGKILL');
        return await standby.takeOver(port);
      });
      const backup = disposals.use(await DatabaseCopy.of(current));
      await lose('restore of a backup', async () => {
        await current.stop('immediate');
        return await backup.serve('restored', port);
      });
    }
  } finally {
    over.abort();
    await feeding;
  }
  const settled = await region.settle(DEADLINE_MS);
  const different = await region.mirroredDifferently();
  return { ...(await region.judge()), cases, holds: { inTime, settled, mirroredAlike: different === 0 } };
};

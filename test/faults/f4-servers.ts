import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { positionGroup } from '../../src/kafka/regional-log.ts';
import { eventually } from '../rig/context.ts';
import { GROUP_PARTITIONS } from '../rig/kafka-config.ts';
import { smallCycles } from './breaking-points.ts';
import { fillGroupLog } from './long-group-log.ts';
import { TrialRegion } from './region.ts';
import { seeded, type Trial } from './trial.ts';

const WITHIN_MS = 30_000;
const DEADLINE_MS = 120_000;
const MAX_CONNECTIONS = 40;
/** Offsets that a coordinator of 2 cores reads for seconds. */
const LONG_GROUP_LOG = 300_000;
const LONG_GROUP_LOG_KILLS = 4;

interface Fault {
  readonly name: string;
  /** Resolves when the fault is over and nothing but the daemon stands in the way. */
  readonly run: () => Promise<void>;
}

/** F4: the servers on both sides die, stand still, refuse or end connections under load; the daemon carries on by itself. */
export const f4: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  const rounds = full ? 3 : 1;
  const [stillMs, endingSeconds, fullMs] = full ? [60_000, 20, 20_000] : [8_000, 4, 4_000];
  await using region = await TrialRegion.start({
    topic: 'servers',
    partitions: 4,
    keys: 2_000,
    mirror: smallCycles,
    rig: { database: { parameters: { max_connections: String(MAX_CONNECTIONS) } } },
  });
  const { primary, regional, database } = region.rig;
  const faults: readonly Fault[] = [
    ...[primary, regional].flatMap((broker): Fault[] => [
      {
        name: `${broker.name} broker killed`,
        run: async () => {
          await broker.kill('SIGKILL');
          await broker.restart();
        },
      },
      {
        name: `${broker.name} broker standing still for ${stillMs / 1000} s`,
        run: async () => {
          await broker.kill('SIGSTOP');
          await delay(stillMs);
          await broker.kill('SIGCONT');
        },
      },
    ]),
    {
      name: 'database stopped at once',
      run: async () => {
        await database.stop('immediate');
        await database.restart();
      },
    },
    {
      name: `every backend ended each second for ${endingSeconds} s`,
      run: async () => {
        for (let second = 0; second < endingSeconds; second++) {
          await endBackends(region.client);
          await delay(1_000);
        }
      },
    },
    { name: `no connection left for ${fullMs / 1000} s`, run: () => withoutConnections(region, fullMs) },
  ];
  const over = new AbortController();
  const feeding = region.feed(over.signal, 10);
  // Its failure is heard when it is waited for.
  feeding.catch(() => undefined);
  let cases = 0;
  let inTime = true;
  try {
    await region.daemon.start();
    await region.caughtUp(DEADLINE_MS);
    for (let round = 0; round < rounds; round++) {
      for (const { name, run } of faults) {
        await delay(random() * 500);
        await run();
        const tookMs = await region.caughtUp(DEADLINE_MS);
        inTime &&= tookMs < WITHIN_MS;
        say(`${name}: caught up ${(tookMs / 1000).toFixed(1)} s after it was over`);
        cases++;
      }
    }
    if (full) {
      await fillGroupLog(regional.bootstrap, positionGroup('trial', 'us-east'), GROUP_PARTITIONS, LONG_GROUP_LOG);
      for (let kill = 0; kill < LONG_GROUP_LOG_KILLS; kill++) {
        await delay(random() * 2_000);
        await regional.kill('SIGKILL');
        await regional.restart();
        const tookMs = await region.caughtUp(DEADLINE_MS);
        inTime &&= tookMs < WITHIN_MS;
        say(`regional broker killed, its group's log long: caught up ${(tookMs / 1000).toFixed(1)} s after it was over`);
        cases++;
      }
      say(`old positions were answered ${await oldAnswers(region)} times`);
    }
  } finally {
    over.abort();
    await feeding;
  }
  const settled = await region.settle(DEADLINE_MS);
  const different = await region.mirroredDifferently();
  if (different > 0) say(`${different} partitions differ from home`);
  return { ...(await region.judge()), cases, holds: { inTime, settled, mirroredAlike: different === 0 } };
};

async function oldAnswers(region: TrialRegion): Promise<string> {
  const metrics = await (await fetch(`${region.daemon.url}/metrics`)).text();
  return /^farshore_mirror_old_positions_total.* (\d+)$/m.exec(metrics)?.[1] ?? '0';
}

const endBackends = async (client: pg.Pool): Promise<void> => {
  await client.query('select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = $1', [
    'client backend',
  ]);
};

/** Takes every connection there is, the daemon's own among them, and keeps them for `forMs`. */
async function withoutConnections(region: TrialRegion, forMs: number): Promise<void> {
  const held: pg.Client[] = [];
  let refused = 0;
  const take = async (): Promise<boolean> => {
    const client = new pg.Client({ connectionString: region.rig.database.url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      held.push(client);
      return true;
    } catch {
      refused++;
      return false;
    }
  };
  try {
    while (await take());
    await endDaemonsBackends(region.client);
    // Its places are free for a moment; whoever is quicker has them.
    const endMs = performance.now() + forMs;
    while (performance.now() < endMs) if (!(await take())) await delay(100);
    if (refused < 2) throw new Error('the connections were never used up');
  } finally {
    await Promise.all(held.map((client) => client.end()));
  }
  await eventually(async () => (await region.client.query('select 1')).rows.length === 1, { what: 'a connection' });
}

const endDaemonsBackends = async (client: pg.Pool): Promise<void> => {
  await client.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'farshore%'");
};

import { setTimeout as delay } from 'node:timers/promises';
import { FAILPOINT_VARIABLE } from '../../src/daemon/failpoints.ts';
import { eventually } from '../rig/context.ts';
import type { TestDaemon } from '../scenario/daemon.ts';
import { breakingPoints, smallCycles } from './breaking-points.ts';
import { isStopped } from './f2-zombie.ts';
import { TrialRegion } from './region.ts';
import { seeded, type Trial, type TrialResult } from './trial.ts';

const SHARDS = 6;
const DAEMONS = 3;
const MOST_PASSINGS = 6;
const MOST_DELAY_MS = 900;
const DEADLINE_MS = 60_000;
/** Longer than the leases (3 s), a request and a transaction (5 s), and the session in the group (6 s) may last. */
const STOPPED_MS = 7_500;

/** Three daemons that share a region by shards, and records that flow all the time. */
async function withShared(
  topic: string,
  work: (region: TrialRegion, daemons: readonly TestDaemon[]) => Promise<number>,
): Promise<TrialResult> {
  await using region = await TrialRegion.start({
    topic,
    partitions: 12,
    keys: 2_000,
    mirror: [...smallCycles, `shards: ${SHARDS}`],
  });
  const daemons = [region.daemon, ...(await Promise.all(Array.from({ length: DAEMONS - 1 }, () => region.another())))];
  const over = new AbortController();
  const feeding = region.feed(over.signal, 20);
  // Its failure is heard when it is waited for.
  feeding.catch(() => undefined);
  let cases: number;
  try {
    await Promise.all(daemons.map((daemon) => daemon.launch()));
    await allHeld(daemons);
    cases = await work(region, daemons);
  } finally {
    over.abort();
    await feeding;
  }
  const settled = await region.settle(DEADLINE_MS);
  return { ...(await region.judge()), cases, holds: { settled, mirroredAlike: (await region.mirroredDifferently()) === 0 } };
}

const held = async (daemon: TestDaemon): Promise<readonly number[]> => (await daemon.status()).shards?.held ?? [];

/** Until the daemons hold every shard among them. */
async function allHeld(daemons: readonly TestDaemon[]): Promise<void> {
  await eventually(
    async () => {
      const shares = (await Promise.all(daemons.map(held))).flat();
      if (new Set(shares).size === SHARDS) return true;
      throw new Error(`they hold ${JSON.stringify(shares)}`);
    },
    { deadlineMs: DEADLINE_MS, what: 'every shard being held' },
  );
}

const others = (daemons: readonly TestDaemon[], one: TestDaemon): readonly TestDaemon[] => daemons.filter((daemon) => daemon !== one);

/** F1 over three daemons: one after the other is killed, at a named step of a shard or at a random moment, and its shards go on elsewhere. */
export const sharedKills: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  const kills = full ? 45 : 3;
  return await withShared('sharedkills', async (region, daemons) => {
    for (let n = 0; n < kills; n++) {
      const one = daemons[n % DAEMONS]!;
      const step = n % 2 === 0 ? breakingPoints[(full ? n / 2 : 2 + (n / 2) * 3) % breakingPoints.length] : undefined;
      const nth = 1 + Math.floor(random() * MOST_PASSINGS);
      if (step !== undefined) {
        await one.stop();
        await one.launch({ [FAILPOINT_VARIABLE]: `${step}=kill@${nth}` });
        await eventually(() => Promise.race([one.ended(), delay(1_000).then(() => undefined)]), {
          deadlineMs: DEADLINE_MS,
          what: `a daemon dying at ${step}`,
        });
      } else {
        await delay(random() * MOST_DELAY_MS);
        await one.kill();
      }
      await allHeld(others(daemons, one));
      await region.caughtUp(DEADLINE_MS);
      await one.launch();
      say(`kill ${n + 1}/${kills}: ${step ?? 'at a random moment'}, the others hold all shards, ${await region.applied()} applied`);
    }
    await allHeld(daemons);
    return kills;
  });
};

/**
 * F2 over three daemons: one is stopped past every timeout while it works on shards, and wakes when others have them; then daemons come
 * and go every few seconds, so that shards are divided anew all the time.
 */
export const sharedZombies: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  const [stops, moves] = full ? [27, 60] : [1, 5];
  return await withShared('sharedzombies', async (region, daemons) => {
    for (let n = 0; n < stops; n++) {
      const zombie = daemons[n % DAEMONS]!;
      const step = n % 2 === 0 ? breakingPoints[(n / 2 + 3) % breakingPoints.length]! : undefined;
      if (step !== undefined) {
        await zombie.stop();
        await zombie.launch({ [FAILPOINT_VARIABLE]: `${step}=stop@${1 + Math.floor(random() * MOST_PASSINGS)}` });
      } else {
        await delay(random() * MOST_DELAY_MS);
        zombie.signal('SIGSTOP');
      }
      await eventually(() => isStopped(zombie.pid), { deadlineMs: DEADLINE_MS, what: `a daemon stopping at ${step}` });
      const stoppedMs = performance.now();
      await allHeld(others(daemons, zombie));
      const takeoverMs = performance.now() - stoppedMs;
      await delay(Math.max(0, STOPPED_MS - takeoverMs));
      await region.caughtUp(DEADLINE_MS);
      zombie.signal('SIGCONT');
      // Its failpoint is spent; what it believed it held, it holds no more.
      await eventually(async () => (await held(zombie)).length < SHARDS, { deadlineMs: DEADLINE_MS, what: 'the woken daemon knowing' });
      say(`stop ${n + 1}/${stops}: ${step ?? 'at a random moment'}, its shards held elsewhere after ${(takeoverMs / 1000).toFixed(1)} s`);
      await allHeld(daemons);
    }
    const running = new Set(daemons);
    for (let n = 0; n < moves; n++) {
      const one = daemons[Math.floor(random() * DAEMONS)]!;
      const how = random();
      if (!running.has(one)) {
        await one.launch();
        running.add(one);
      } else if (running.size > 1) {
        running.delete(one);
        if (how < 0.5) await one.kill();
        else await one.stop();
      }
      await delay(500 + random() * 3_000);
    }
    for (const one of daemons) if (!running.has(one)) await one.launch();
    await allHeld(daemons);
    say(`storm: ${moves} comings and goings, ${await region.applied()} of ${region.records} applied`);
    return stops + moves;
  });
};

import pg from 'pg';
import type { ErrorCode } from '../../src/model/errors.ts';
import type { PartitionStatus } from '../../src/model/status.ts';
import { createTopic, eventually } from '../rig/context.ts';
import { batchesInLog, cutLog } from '../rig/cut-log.ts';
import { Oracle } from '../rig/oracle.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { rowTable, rowValue, TestDaemon } from '../scenario/daemon.ts';
import type { Trial } from './trial.ts';

const WITHIN_MS = 60_000;
/** Records a topic begins with, in batches of five. */
const FIRST = 20;
const BATCH = 5;
/** Records that the region holds and apply was kept from; all but the last batch are deleted there. */
const UNAPPLIED = 30;

/** What happens to the logs of a topic, on which side, and how it must be named. */
interface Loss {
  readonly name: string;
  readonly stage: 'mirror' | 'apply';
  readonly codes: readonly ErrorCode[];
}

const losses = [
  { name: 'home_overtaken', stage: 'mirror', codes: ['source_truncated'] },
  { name: 'home_recreated', stage: 'mirror', codes: ['source_recreated'] },
  { name: 'home_recreated_longer', stage: 'mirror', codes: ['source_recreated'] },
  { name: 'home_cut', stage: 'mirror', codes: ['source_diverged'] },
  { name: 'home_refilled', stage: 'mirror', codes: ['source_diverged'] },
  { name: 'region_overtaken', stage: 'apply', codes: ['region_truncated'] },
  { name: 'region_recreated', stage: 'mirror', codes: ['region_recreated'] },
  { name: 'region_cut', stage: 'mirror', codes: ['region_truncated', 'region_diverged'] },
  { name: 'region_refilled', stage: 'apply', codes: ['region_truncated', 'region_diverged'] },
] as const satisfies readonly Loss[];
type Name = (typeof losses)[number]['name'];

/**
 * F7: while the daemon is down, retention overtakes its positions, topics are deleted and created again, and logs lose their end, with
 * and without new records in their place, on both sides. Each must be named within a minute of its coming back, nothing passed over;
 * then the commands that the stops print are run, and everything that the home logs hold must be in the tables.
 */
export const f7: Trial = async ({ full, say }) => {
  const rounds = full ? 5 : 1;
  await using lost = await LostLogs.start(rounds);
  let [undetected, slowestMs, missing] = [0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    await lost.lose(round);
    const startedMs = performance.now();
    await lost.daemon.start();
    for (const loss of losses) {
      const found = await lost.found(round, loss);
      if (found === undefined) undetected++;
      else slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      say(`${loss.name}: ${found ?? 'NOT DETECTED'}`);
    }
    await lost.resumeAll();
    missing += await lost.missingAfterwards(round, say);
  }
  say(`slowest detection ${(slowestMs / 1000).toFixed(1)} s after the start`);
  return { lost: undetected + missing, duplicated: 0, stale: 0, cases: rounds * losses.length, holds: { inTime: slowestMs < WITHIN_MS } };
};

class LostLogs implements AsyncDisposable {
  readonly daemon: TestDaemon;
  readonly #rig: Rig;
  readonly #client: pg.Pool;
  readonly #oracle: Oracle;
  readonly #lastId = new Map<string, number>();
  /** Where the log of home began after retention, and where the one of the region did. */
  readonly #expectedLoss = new Map<string, { readonly from: string; readonly to: string }>();

  private constructor(rig: Rig, client: pg.Pool, oracle: Oracle, daemon: TestDaemon) {
    this.#rig = rig;
    this.#client = client;
    this.#oracle = oracle;
    this.daemon = daemon;
  }

  static async start(rounds: number): Promise<LostLogs> {
    const rig = await startRig();
    const url = await rig.database.createDatabase('lost');
    const client = new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0 });
    client.on('error', () => undefined);
    const names = Array.from({ length: rounds }, (_, round) =>
      losses.map(({ name }) => ({ topic: topicOf(round, name), table: tableOf(round, name) })),
    );
    for (const { topic, table } of names.flat()) {
      await client.query(rowTable(table));
      await createTopic(rig.primary.bootstrap, { topic });
    }
    const daemon = await TestDaemon.create({
      primary: rig.primary.bootstrap,
      regional: rig.regional.bootstrap,
      database: url,
      region: 'lost',
      topics: ['lose.*'],
      tables: names.flat().map(({ topic, table }) => `{ topic: ${topic}, table: public.${table} }`),
    });
    await daemon.start();
    return new LostLogs(rig, client, await Oracle.start(), daemon);
  }

  /** Fills the round's topics, ends the daemon, and takes from the logs what the names say. */
  async lose(round: number): Promise<void> {
    const { primary, regional } = this.#rig;
    const topic = (name: Name): string => topicOf(round, name);
    for (const { name } of losses) await this.#write(topic(name), FIRST);
    for (const { name } of losses) await this.#holds(round, name, FIRST);
    await this.daemon.cli(['partition', 'pause', `${topic('region_overtaken')}:0`, '--stage', 'apply']);
    await this.#write(topic('region_overtaken'), UNAPPLIED);
    await eventually(async () => (await this.daemon.partition(topic('region_overtaken'), 0))?.mirror?.next === String(FIRST + UNAPPLIED), {
      deadlineMs: WITHIN_MS,
      what: 'what apply is to miss being mirrored',
    });
    const applied = (await this.daemon.partition(topic('region_overtaken'), 0))?.apply?.next ?? '';
    await this.daemon.stop();

    await this.#write(topic('home_overtaken'), 30);
    await this.#deleteRecords(primary.bootstrap, topic('home_overtaken'), BigInt(FIRST + 15));
    this.#expectedLoss.set(topic('home_overtaken'), { from: String(FIRST), to: String(FIRST + 15) });
    const regionalEnd = (await this.#batches(regional, topic('region_overtaken'))).at(-2)!;
    await this.#deleteRecords(regional.bootstrap, topic('region_overtaken'), regionalEnd);
    this.#expectedLoss.set(topic('region_overtaken'), { from: applied, to: String(regionalEnd) });
    for (const [name, records] of [
      ['home_recreated', BATCH],
      ['home_recreated_longer', 2 * FIRST],
    ] as const) {
      await this.#recreate(primary.bootstrap, topic(name));
      await this.#write(topic(name), records);
    }
    await this.#recreate(regional.bootstrap, topic('region_recreated'));

    for (const [server, names] of [
      [primary, ['home_cut', 'home_refilled']],
      [regional, ['region_cut', 'region_refilled']],
    ] as const) {
      await server.kill('SIGKILL');
      // In the middle: what is left ends before the position.
      for (const name of names) {
        const batches = await this.#batches(server, topic(name));
        await cutLog(server, topic(name), 0, batches[Math.floor(batches.length / 2)]!);
      }
      await server.restart();
    }
    await this.#write(topic('home_refilled'), 2 * FIRST);
    // Somebody else's records, past the end that mirror and apply remember.
    await this.#write(topic('region_refilled'), 4 * FIRST, regional.bootstrap);
  }

  /** How the loss was named, within the time; undefined when it was not, or with another range. */
  async found(round: number, { name, stage, codes }: Loss): Promise<string | undefined> {
    const topic = topicOf(round, name as Name);
    if (name === 'region_overtaken') await this.daemon.cli(['partition', 'resume', `${topic}:0`, '--stage', 'apply']);
    const expected = this.#expectedLoss.get(topic);
    try {
      return await eventually(
        async () => {
          const status = await this.daemon.partition(topic, 0);
          const stop = stopOf(status, stage, codes);
          if (stop === undefined) return undefined;
          if (expected !== undefined && JSON.stringify(stop.lost) !== JSON.stringify(expected))
            throw new Error(`lost ${JSON.stringify(stop.lost)}, not ${JSON.stringify(expected)}`);
          const range = stop.lost === undefined ? '' : `, offsets ${stop.lost.from} to ${stop.lost.to}`;
          return `${stop.code}${range}`;
        },
        { deadlineMs: WITHIN_MS, what: `${topic} stopping with ${codes.join(' or ')}` },
      );
    } catch {
      return undefined;
    }
  }

  /** Runs the command of each stop, one after the other, until nothing stands. */
  async resumeAll(): Promise<void> {
    await eventually(
      async () => {
        const { partitions } = await this.daemon.status();
        let standing = 0;
        for (const { mirror, apply } of partitions) {
          for (const stage of [mirror, apply]) {
            if (stage?.state !== 'stopped') continue;
            standing++;
            await this.daemon.runHint(stage.hint ?? '');
          }
        }
        return standing === 0 && partitions.every(({ mirror, apply }) => mirror?.state === 'running' && apply?.state === 'running');
      },
      { deadlineMs: 2 * WITHIN_MS, everyMs: 1_000, what: 'all partitions running' },
    );
  }

  /** Keys that the logs at home hold, and that are not in their tables a minute after another record was written to each. */
  async missingAfterwards(round: number, say: (text: string) => void): Promise<number> {
    let missing = 0;
    for (const { name } of losses) {
      const topic = topicOf(round, name);
      await this.#write(topic, BATCH);
      const { records } = await this.#oracle.consume({ bootstrap: this.#rig.primary.bootstrap, topic, isolation: 'read_committed' });
      const atHome = new Set(records.map(({ key }) => Number(key?.toString())));
      const absent = async (): Promise<number> => {
        const { rows } = await this.#client.query<{ id: number }>(`select id from ${tableOf(round, name)}`);
        const held = new Set(rows.map(({ id }) => id));
        return [...atHome].filter((id) => !held.has(id)).length;
      };
      // What the region lost before it was applied was given up by the command; not one record more.
      const givenUp = name === 'region_overtaken' ? UNAPPLIED - BATCH : 0;
      await eventually(async () => (await absent()) === givenUp, { deadlineMs: WITHIN_MS }).catch(() => undefined);
      const left = await absent();
      if (left !== givenUp) say(`${topic}: ${left} of ${atHome.size} records at home are not in the table, not ${givenUp}`);
      missing += Math.abs(left - givenUp);
    }
    return missing;
  }

  async #holds(round: number, name: Name, count: number): Promise<void> {
    await eventually(
      async () => Number((await this.#client.query<{ n: string }>(`select count(*) n from ${tableOf(round, name)}`)).rows[0]?.n) === count,
      { deadlineMs: WITHIN_MS, what: `${count} rows of ${name}` },
    );
  }

  /** Each record with a key of its own, so that one that is passed over is missed. */
  async #write(topic: string, count: number, bootstrap = this.#rig.primary.bootstrap): Promise<void> {
    const records = Array.from({ length: count }, () => {
      const id = (this.#lastId.get(topic) ?? 0) + 1;
      this.#lastId.set(topic, id);
      return { key: String(id), value: rowValue(id, topic, id), partition: 0 };
    });
    await this.#oracle.produce({ bootstrap, topic, records, flushEvery: BATCH });
  }

  async #batches(server: Rig['primary'], topic: string): Promise<readonly bigint[]> {
    return (await batchesInLog(server, topic, 0)).map(({ baseOffset }) => baseOffset);
  }

  async #deleteRecords(bootstrap: string, topic: string, before: bigint): Promise<void> {
    await this.#oracle.deleteRecords({ bootstrap, topic, partition: 0, before });
  }

  async #recreate(bootstrap: string, topic: string): Promise<void> {
    await this.#oracle.deleteTopic({ bootstrap, topic });
    // The name is free once the broker has forgotten the topic.
    await eventually(() => this.#oracle.createTopic({ bootstrap, topic, partitions: 1 }).then(() => true), {
      what: `${topic} being created again`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await this.#oracle[Symbol.asyncDispose]();
    await this.#client.end().catch(() => undefined);
    await this.#rig[Symbol.asyncDispose]();
  }
}

const topicOf = (round: number, name: Name): string => `lose.${round}.${name}`;
const tableOf = (round: number, name: Name): string => `lose_${round}_${name}`;

function stopOf(status: PartitionStatus | undefined, stage: 'mirror' | 'apply', codes: readonly ErrorCode[]) {
  const one = status?.[stage];
  return typeof one?.code === 'string' && (codes as readonly string[]).includes(one.code) ? one : undefined;
}

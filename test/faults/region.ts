import { existsSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import pg from 'pg';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { Oracle } from '../rig/oracle.ts';
import { type Rig, type RigOptions, startRig } from '../rig/rig.ts';
import { type DaemonOptions, ROW_SCHEMA_ID, rowTable, rowValue, TestDaemon } from '../scenario/daemon.ts';
import { type Judged, judge, ledgerDdl } from './ledger.ts';

const BATCH = 100;

/** Where the servers are reached. */
export type Addresses = Pick<DaemonOptions, 'primary' | 'regional' | 'database'>;

export interface RegionOptions {
  readonly topic: string;
  readonly partitions: number;
  readonly keys: number;
  /** Further YAML under `mirror:`. */
  readonly mirror?: readonly string[];
  readonly rig?: RigOptions;
  /** Other addresses for the daemon; writer and judges keep to the direct ones. */
  readonly through?: (direct: Addresses) => Promise<Addresses>;
  /** Further settings of the daemon. */
  readonly daemon?: Partial<DaemonOptions>;
}

/** A broker that is away for long is waited for: the fault is the trial's, not the writer's. */
const SEND_DEADLINE_MS = 120_000;

/** Servers, a daemon, a writer that never rests, and the judges of what became of it. */
export class TrialRegion implements AsyncDisposable {
  readonly rig: Rig;
  readonly client: pg.Pool;
  readonly daemon: TestDaemon;
  /** What the writer writes with from now on. */
  schemaId = ROW_SCHEMA_ID;
  readonly #options: RegionOptions;
  readonly #written = new Map<number, number>();
  readonly #others: TestDaemon[] = [];
  #records = 0;

  private constructor(rig: Rig, client: pg.Pool, daemon: TestDaemon, options: RegionOptions) {
    this.rig = rig;
    this.client = client;
    this.daemon = daemon;
    this.#options = options;
  }

  static async start(options: RegionOptions): Promise<TrialRegion> {
    const { topic, partitions } = options;
    const rig = await startRig(options.rig);
    const url = await rig.database.createDatabase('trial');
    // One connection that is kept, and made anew after the server was away.
    const client = new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0 });
    client.on('error', () => undefined);
    await client.query(`${rowTable(topic)};\n${ledgerDdl(topic)}`);
    await createTopic(rig.primary.bootstrap, { topic, partitions });
    return new TrialRegion(rig, client, await daemonOf(rig, url, options), options);
  }

  /** A second daemon of the same region, not started. */
  async another(): Promise<TestDaemon> {
    const daemon = await daemonOf(this.rig, this.url, this.#options);
    this.#others.push(daemon);
    return daemon;
  }

  /** Of the database that the daemon writes to. */
  get url(): string {
    return `${this.rig.database.url.slice(0, this.rig.database.url.lastIndexOf('/'))}/trial`;
  }

  get records(): number {
    return this.#records;
  }

  /** Writes `records` more, or until `done`; each record a new version of its key. */
  async write(records: number, done: AbortSignal): Promise<void> {
    await this.#withProducer(async (producer) => {
      for (let sent = 0; sent < records && !done.aborted; sent += BATCH) await this.#writeBatch(producer);
    });
  }

  /** Writes on and on, slowly, until `done`: a daemon that stands has something to fall behind on. */
  async feed(done: AbortSignal, everyMs = 100): Promise<void> {
    await this.#withProducer(async (producer) => {
      while (!done.aborted) {
        await this.#writeBatch(producer);
        await delay(everyMs, undefined, { signal: done }).catch(() => undefined);
      }
    });
  }

  async #withProducer(work: (producer: Producer) => Promise<void>): Promise<void> {
    const producer = kafkajsFor(this.rig.primary.bootstrap).producer({ idempotent: true });
    await eventually(() => producer.connect().then(() => true), { deadlineMs: SEND_DEADLINE_MS, what: 'the broker at home' });
    try {
      await work(producer);
    } finally {
      await producer.disconnect();
    }
  }

  async #writeBatch(producer: Producer): Promise<void> {
    const { topic, partitions, keys } = this.#options;
    const version = this.#records / BATCH + 1;
    const ids = Array.from({ length: BATCH }, (_, i) => (version * 37 + i) % keys);
    const messages = ids.map((id) => ({
      key: String(id),
      value: rowValue(id, `state ${version}`, version, this.schemaId),
      partition: id % partitions,
    }));
    // The producer is idempotent: what it sends again is in the log once.
    await eventually(() => producer.send({ topic, messages }), { deadlineMs: SEND_DEADLINE_MS, what: 'a send' });
    for (const id of ids) this.#written.set(id, version);
    this.#records += BATCH;
  }

  /** Without heartbeats: an hour of them would count for records that are not applied yet. */
  async applied(): Promise<number> {
    const { rows } = await this.client
      .query<{ n: string }>(
        "select coalesce(sum(records), 0) as n from farshore.apply_positions where topic not like 'farshore.heartbeat%'",
      )
      .catch(() => ({ rows: [{ n: '0' }] }));
    return Number(rows[0]?.n);
  }

  /** Waits until all that was written is applied; what is missing by the deadline is then judged lost. */
  async settle(deadlineMs: number): Promise<boolean> {
    try {
      await eventually(async () => (await this.applied()) >= this.#records, {
        deadlineMs,
        everyMs: 200,
        what: 'all records being applied',
      });
      return true;
    } catch {
      return false;
    }
  }

  /** Milliseconds until all that was written by now is applied. */
  async caughtUp(deadlineMs: number): Promise<number> {
    const [startedMs, records] = [performance.now(), this.#records];
    await eventually(async () => (await this.applied()) >= records, { deadlineMs, what: `${records} records being applied` });
    return performance.now() - startedMs;
  }

  judge(): Promise<Judged> {
    return judge(this.client, this.#options.topic, this.#written);
  }

  /** Partitions whose mirrored copy is not, record by record, what the Java consumer reads at home; read_committed on both sides. */
  async mirroredDifferently(): Promise<number> {
    await using oracle = await Oracle.start();
    const { topic } = this.#options;
    const [home, region] = await Promise.all(
      [this.rig.primary, this.rig.regional].map(({ bootstrap }) => oracle.digest({ bootstrap, topic, isolation: 'read_committed' })),
    );
    const copies = new Map(region?.map((copy) => [copy.partition, copy]));
    const different = (home ?? []).filter(({ partition, count, sha256 }) => {
      const copy = copies.get(partition);
      return copy?.count !== count || copy.sha256 !== sha256;
    });
    for (const { partition, count } of different)
      process.stderr.write(`${topic}:${partition}: ${count} records at home, ${copies.get(partition)?.count ?? 0n} in the region\n`);
    return different.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keepLogs();
    await Promise.all([this.daemon, ...this.#others].map((daemon) => daemon[Symbol.asyncDispose]()));
    await this.client.end().catch(() => undefined);
    await this.rig[Symbol.asyncDispose]();
  }

  /** Into the folder that `FARSHORE_TRIAL_LOGS` names: what servers and daemons said goes with them otherwise. */
  async #keepLogs(): Promise<void> {
    const parent = process.env.FARSHORE_TRIAL_LOGS;
    if (parent === undefined) return;
    const { primary, regional } = this.rig;
    const folder = join(parent, this.#options.topic);
    await mkdir(folder, { recursive: true });
    const daemons = [this.daemon, ...this.#others].map(
      ({ folder }, index) => [join(folder, 'daemon.log'), `daemon-${index + 1}.log`] as const,
    );
    const brokers = [primary, regional].map(({ name, logFile }) => [logFile, `${name}-broker.log`] as const);
    for (const [file, name] of [...daemons, ...brokers]) if (existsSync(file)) await cp(file, join(folder, name));
  }
}

async function daemonOf(rig: Rig, url: string, { topic, mirror, through, daemon }: RegionOptions): Promise<TestDaemon> {
  const direct = { primary: rig.primary.bootstrap, regional: rig.regional.bootstrap, database: url };
  return await TestDaemon.create({
    ...((await through?.(direct)) ?? direct),
    region: 'trial',
    topics: [topic],
    tables: [`{ topic: ${topic}, table: public.${topic}, version: version }`],
    ...(mirror === undefined ? {} : { mirror }),
    ...daemon,
  });
}

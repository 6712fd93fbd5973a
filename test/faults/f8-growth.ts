import type { Producer } from 'kafkajs';
import pg from 'pg';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { Oracle } from '../rig/oracle.ts';
import { startRig } from '../rig/rig.ts';
import { rowTable, rowValue, TestDaemon } from '../scenario/daemon.ts';
import { judge, ledgerDdl } from './ledger.ts';
import { seeded, type Trial } from './trial.ts';

const KEYS = 400;
const BATCH = 40;
const [FROM, TO] = [4, 12];
const WITHIN_MS = 60_000;
/** Until what was written is there: of the rows it is asked whether, and not how soon. */
const SETTLED_MS = 180_000;
/** Sends of one producer, which knows the partitions that there were when it started. */
const SENDS_OF_A_PRODUCER = 10;

/**
 * F8: topics grow from 4 to 12 partitions while they are written to by key, with tables that have a source version and tables that
 * have none: there only the order of the log, across all partitions, tells which state of a key is the last (C1). Others appear.
 */
export const f8: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  const rounds = full ? 10 : 1;
  const tables = Array.from({ length: rounds }, (_, n) => [`versioned_${n}`, `unversioned_${n}`] as const);
  await using rig = await startRig();
  const url = await rig.database.createDatabase('growth');
  const client = new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0 });
  client.on('error', () => undefined);
  const home = kafkajsFor(rig.primary.bootstrap).admin();
  await home.connect();
  for (const table of tables.flat()) {
    await client.query(`create schema of_${table}; ${rowTable(`of_${table}.${table}`)}; ${ledgerDdl(table, `of_${table}`)}`);
    await createTopic(rig.primary.bootstrap, { topic: `grow.${table}`, partitions: FROM });
  }
  await using daemon = await TestDaemon.create({
    primary: rig.primary.bootstrap,
    regional: rig.regional.bootstrap,
    database: url,
    region: 'growth',
    topics: ['grow.*'],
    tables: tables.flatMap(([versioned, unversioned]) => [
      `{ topic: grow.${versioned}, table: of_${versioned}.${versioned}, version: version }`,
      `{ topic: grow.${unversioned}, table: of_${unversioned}.${unversioned} }`,
    ]),
  });
  const total = { lost: 0, duplicated: 0, stale: 0 };
  let [slowestMs, appeared] = [0, 0];
  try {
    await daemon.start();
    for (const [n, pair] of tables.entries()) {
      const writers = pair.map((table) => new KeyedWriter(rig.primary.bootstrap, `grow.${table}`, random));
      const over = new AbortController();
      const writing = Promise.all(writers.map((writer) => writer.run(over.signal)));
      writing.catch(() => undefined);
      try {
        for (const table of pair) {
          await eventually(async () => Number((await client.query(`select count(*) n from of_${table}.${table}`)).rows[0]?.n) === KEYS, {
            deadlineMs: WITHIN_MS,
            what: `all keys of ${table}`,
          });
        }
        await home.createPartitions({ topicPartitions: pair.map((table) => ({ topic: `grow.${table}`, count: TO })) });
        const startedMs = performance.now();
        const late = `grow.late_${n}`;
        await createTopic(rig.primary.bootstrap, { topic: late, partitions: 3 });
        const lateProducer = new KeyedWriter(rig.primary.bootstrap, late, random);
        await lateProducer.sendOnce();
        // Every new partition is read by the mirror, and by apply from its start on.
        for (const table of pair) {
          for (let partition = FROM; partition < TO; partition++) {
            await eventually(
              async () => {
                const status = await daemon.partition(`grow.${table}`, partition);
                return status?.mirror?.state === 'running' && BigInt(status.apply?.next ?? 0) > 0n;
              },
              { deadlineMs: WITHIN_MS, what: `${table}:${partition} being applied` },
            );
          }
        }
        await eventually(async () => (await mirrored(daemon, late)) === lateProducer.records, {
          deadlineMs: WITHIN_MS,
          what: `${late} being mirrored from its start`,
        });
        appeared++;
        slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      } finally {
        over.abort();
        await writing;
      }
      for (const [i, table] of pair.entries()) {
        const { written } = writers[i]!;
        const judged = () => judge(client, table, written, `of_${table}`);
        await eventually(async () => (await judged()).lost === 0, { deadlineMs: SETTLED_MS }).catch(() => undefined);
        const { lost, duplicated, stale } = await judged();
        total.lost += lost;
        total.duplicated += duplicated;
        total.stale += stale;
        say(`${table}: ${written.size} keys, ${writers[i]!.records} records; lost ${lost}, duplicated ${duplicated}, stale ${stale}`);
      }
    }
    say(`found and read within ${(slowestMs / 1000).toFixed(1)} s`);
    const different = await differing(
      rig.primary.bootstrap,
      rig.regional.bootstrap,
      tables.flat().map((table) => `grow.${table}`),
    );
    return { ...total, cases: rounds * 3, holds: { appeared: appeared === rounds, mirroredAlike: different === 0 } };
  } finally {
    await home.disconnect();
    await client.end();
  }
};

async function mirrored(daemon: TestDaemon, topic: string): Promise<number> {
  const { partitions } = await daemon.status();
  return partitions.filter((one) => one.topic === topic).reduce((sum, { mirror }) => sum + Number(mirror?.next ?? 0), 0);
}

async function differing(home: string, region: string, topics: readonly string[]): Promise<number> {
  await using oracle = await Oracle.start();
  let different = 0;
  for (const topic of topics) {
    const [at, away] = await Promise.all(
      [home, region].map(async (bootstrap) =>
        (await oracle.digest({ bootstrap, topic, isolation: 'read_committed' })).map(({ partition, count, sha256 }) =>
          [partition, count, sha256].join(' '),
        ),
      ),
    );
    if (JSON.stringify(at) !== JSON.stringify(away)) different++;
  }
  return different;
}

/** As an application does: a key goes where its hash says, by the partitions known when the producer started; the next one learns of more. */
class KeyedWriter {
  readonly written = new Map<number, number>();
  records = 0;
  readonly #bootstrap: string;
  readonly #topic: string;
  readonly #random: () => number;
  #version = 0;

  constructor(bootstrap: string, topic: string, random: () => number) {
    this.#bootstrap = bootstrap;
    this.#topic = topic;
    this.#random = random;
  }

  async run(done: AbortSignal): Promise<void> {
    while (!done.aborted) {
      await this.#withProducer(async (producer) => {
        for (let n = 0; n < SENDS_OF_A_PRODUCER && !done.aborted; n++) await this.#send(producer);
      });
    }
  }

  async sendOnce(): Promise<void> {
    await this.#withProducer((producer) => this.#send(producer));
  }

  async #withProducer(work: (producer: Producer) => Promise<void>): Promise<void> {
    const producer = kafkajsFor(this.#bootstrap).producer();
    await producer.connect();
    try {
      await work(producer);
    } finally {
      await producer.disconnect();
    }
  }

  async #send(producer: Producer): Promise<void> {
    const version = ++this.#version;
    const ids = [...new Set(Array.from({ length: BATCH }, () => Math.floor(this.#random() * KEYS)))];
    await producer.send({
      topic: this.#topic,
      messages: ids.map((id) => ({ key: String(id), value: rowValue(id, `state ${version}`, version) })),
    });
    for (const id of ids) this.written.set(id, version);
    this.records += ids.length;
  }
}

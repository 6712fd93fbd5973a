import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judge, ledgerDdl } from '../faults/ledger.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

const SHARDS = 6;
const PARTITIONS = 12;
const KEYS = 500;
const BATCH = 100;

describe('three daemons that share a region by shards', () => {
  const topic = uniqueTopic('shared').replaceAll('.', '_');
  const daemons: TestDaemon[] = [];
  const written = new Map<number, number>();
  const over = new AbortController();
  let client: pg.Pool;
  let records = 0;
  let writing: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    const { primary, regional } = sharedRig();
    const database = await freshDatabase();
    client = new pg.Pool({ connectionString: database, max: 1 });
    await client.query(`${rowTable(topic)};\n${ledgerDdl(topic)}`);
    await createTopic(primary, { topic, partitions: PARTITIONS });
    const region = uniqueTopic('region').replaceAll('.', '-');
    for (let n = 0; n < 3; n++) {
      daemons.push(
        await TestDaemon.create({
          primary,
          regional,
          database,
          region,
          topics: [topic],
          tables: [`{ topic: ${topic}, table: public.${topic}, version: version }`],
          mirror: [`shards: ${SHARDS}`, 'transactionTimeoutMs: 5000'],
        }),
      );
    }
    writing = write(primary);
    writing.catch(() => undefined);
  });

  afterAll(async () => {
    over.abort();
    await writing.catch(() => undefined);
    await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
    await client?.end();
  });

  /** On and on, a state of each key higher than the one before. */
  const write = async (bootstrap: string): Promise<void> => {
    const producer = kafkajsFor(bootstrap).producer({ idempotent: true });
    await producer.connect();
    for (let version = 1; !over.signal.aborted; version++) {
      const ids = Array.from({ length: BATCH }, (_, i) => (version * 37 + i) % KEYS);
      const messages = ids.map((id) => ({ key: String(id), value: rowValue(id, `state ${version}`, version), partition: id % PARTITIONS }));
      await producer.send({ topic, messages });
      for (const id of ids) written.set(id, version);
      records += BATCH;
      await delay(50, undefined, { signal: over.signal }).catch(() => undefined);
    }
    await producer.disconnect();
  };
  const held = async (daemon: TestDaemon): Promise<readonly number[]> => (await daemon.status()).shards?.held ?? [];
  const divided = async (...alive: TestDaemon[]): Promise<void> => {
    const share = SHARDS / alive.length;
    await eventually(
      async () => {
        const shares = await Promise.all(alive.map(held));
        if (shares.every((own) => own.length === share) && new Set(shares.flat()).size === SHARDS) return true;
        throw new Error(`they hold ${JSON.stringify(shares)}`);
      },
      { deadlineMs: 40_000, what: `each having ${share} shards` },
    );
  };
  const applied = async (): Promise<number> => {
    const { rows } = await client.query<{ n: string }>(
      'select coalesce(sum(records), 0) as n from farshore.apply_positions where topic = $1',
      [topic],
    );
    return Number(rows[0]?.n);
  };
  const caughtUp = async (): Promise<void> => {
    const until = records;
    await eventually(async () => (await applied()) >= until, { deadlineMs: 60_000, what: `${until} records being applied` });
  };

  it('divide the shards evenly, and records flow through all of them', async () => {
    for (const daemon of daemons) await daemon.launch();
    await divided(...daemons);
    await caughtUp();
    const roles = await Promise.all(daemons.map(async (daemon) => (await daemon.status()).role));
    expect(roles.toSorted()).toEqual(['active', 'standby', 'standby']);
    for (const daemon of daemons) expect((await fetch(`${daemon.url}/readyz`)).status).toBe(200);
  });

  it('go on when one is killed, and take its shards', async () => {
    const [first, ...others] = daemons as [TestDaemon, TestDaemon, TestDaemon];
    await first.kill();
    await eventually(async () => (await Promise.all(others.map(held))).flat().length === SHARDS, {
      deadlineMs: 40_000,
      what: 'two daemons having all shards',
    });
    await caughtUp();
    await first.launch();
    await divided(...daemons);
  });

  it('end with every record applied once and in order', async () => {
    over.abort();
    await writing;
    await caughtUp();
    expect(await judge(client, topic, written)).toMatchObject({ lost: 0, duplicated: 0, stale: 0 });
  });
});

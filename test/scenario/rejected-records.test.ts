import { copyFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { IHeaders, KafkaMessage } from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RejectedDetail, RejectedRecord } from '../../src/model/rejected.ts';
import type { DaemonStatus, RecordedAction } from '../../src/model/status.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { ROW_SCHEMA_ID, rowTable, rowValue, TestDaemon } from './daemon.ts';

const UNKNOWN_SCHEMA_ID = 99;
const GOOD = 300;

const row = (id: number, note = 'fine', version = 1): Buffer => rowValue(id, note, version);
const badUtf8 = (value: Buffer): Buffer => {
  const broken = Buffer.from(value);
  broken[broken.indexOf('utf-8')] = 0xff;
  return broken;
};

interface Poison {
  readonly name: string;
  readonly key: string;
  readonly value: Buffer | null;
  readonly reason: string;
  readonly sqlState: string | null;
}

/** Each breaks one record in its own way, under a key of its own. */
const poison: readonly Poison[] = [
  { name: 'no wire format', value: Buffer.from('hello'), reason: 'record_malformed' },
  { name: 'cut short', value: row(1001).subarray(0, -1), reason: 'record_malformed' },
  { name: 'bytes left over', value: Buffer.concat([row(1002), Buffer.from([0])]), reason: 'record_malformed' },
  {
    name: 'a length beyond the end',
    value: Buffer.concat([row(1003).subarray(0, 5), Buffer.from([0x02, 0xff, 0x7f])]),
    reason: 'record_malformed',
  },
  { name: 'no UTF-8', value: badUtf8(row(1004, 'utf-8')), reason: 'record_malformed' },
  { name: 'empty', value: Buffer.alloc(0), reason: 'record_malformed' },
  { name: 'schema nobody knows', value: rowValue(1006, 'late', 1, UNKNOWN_SCHEMA_ID), reason: 'schema_unknown' },
  { name: 'NUL in a text', value: row(1007, 'nul \u0000 here'), reason: 'record_unmappable', sqlState: '22021' },
  { name: 'too long', value: row(1008, 'longer than twenty characters'), reason: 'row_refused', sqlState: '22001' },
  { name: 'too large a number', value: row(1009, 'fine', 70_000), reason: 'row_refused', sqlState: '22003' },
  { name: 'against a check', value: row(1010, 'forbidden'), reason: 'row_refused', sqlState: '23514' },
  { name: 'a delete by no number', key: 'x', value: null, reason: 'row_refused', sqlState: '22P02' },
].map(({ key, ...one }, index) => ({ sqlState: null, ...one, key: key ?? String(1000 + index) }));

const mended = ['schema nobody knows', 'too long', 'too large a number', 'against a check'];

/** Issue of the peers: one bad record stops the table, or a broken database empties the topic into a dead letter queue. */
describe('records that cannot be applied', () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('rejected');
  const table = 'public.judged';
  const producer = kafkajsFor(primary).producer();
  let database: pg.Client;
  let daemon: TestDaemon;

  const send = async (messages: readonly { key: string; value: Buffer | null; headers?: IHeaders }[]): Promise<void> => {
    await producer.send({ topic, messages: [...messages] });
  };
  const json = async <T>(args: readonly string[]): Promise<T> => JSON.parse(await daemon.cli([...args, '-o', 'json'])) as T;
  const listed = (...filter: readonly string[]) => json<readonly RejectedRecord[]>(['rejected', 'list', ...filter]);
  const count = async (): Promise<number> => Number((await database.query('select count(*) n from judged')).rows[0]?.n);
  const note = async (id: number): Promise<unknown> => (await database.query('select note from judged where id = $1', [id])).rows[0]?.note;

  beforeAll(async () => {
    const url = await freshDatabase();
    database = new pg.Client({ connectionString: url });
    await Promise.all([database.connect(), producer.connect()]);
    await database.query(`create table judged (id integer primary key, note varchar(20) not null constraint allowed check (note <> 'forbidden'),
  version smallint not null, farshore_version bytea)`);
    await createTopic(primary, { topic });
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: url,
      region: `rejected-${topic.slice(-10)}`,
      topics: [topic],
      tables: [`{ topic: ${topic}, table: ${table}, version: version }`],
      extra: ['rejected: { publish: true, lateSchemas: false }'],
    });
    await daemon.start();
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await Promise.all([database?.end(), producer.disconnect()]);
  });

  it('F11: are kept whole with reason and position, while every other record is applied', async () => {
    const messages = Array.from({ length: GOOD }, (_, id) => ({ key: String(id), value: row(id) as Buffer | null }));
    const headers = { source: 'test', twice: ['a', 'b'] };
    const every = Math.floor(GOOD / poison.length);
    for (const [n, { key, value }] of poison.entries())
      messages.splice(n * (every + 1), 0, { key, value, headers } as (typeof messages)[number]);
    await send(messages);
    await eventually(async () => (await count()) === GOOD, { what: 'every good record being applied' });
    const rejected = await eventually(async () => {
      const found = await listed('--table', table);
      return found.length === poison.length ? found : undefined;
    });
    expect(rejected.map(({ reason, sqlState }) => [reason, sqlState])).toEqual(poison.map(({ reason, sqlState }) => [reason, sqlState]));
    expect(rejected.every((one) => one.topic === topic && one.partition === 0 && one.attempts === 1)).toBe(true);
    // Mirror's transaction markers stand between, so offsets rise and need not be those of the batch.
    expect(rejected.map(({ offset }) => BigInt(offset)).toSorted((a, b) => Number(a - b))).toEqual(
      rejected.map(({ offset }) => BigInt(offset)),
    );
    for (const [n, { id }] of rejected.entries()) {
      const whole = await json<RejectedDetail>(['rejected', 'show', id]);
      expect(whole.key).toBe(Buffer.from(poison[n]!.key).toString('base64'));
      expect(whole.value).toBe(poison[n]!.value?.toString('base64') ?? null);
      expect([whole.headerCount, Buffer.from(whole.headers, 'base64').toString('latin1')]).toEqual([3, expect.stringContaining('source')]);
    }
    expect((await daemon.partition(topic, 0))?.apply?.state).toBe('running');
    const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
    const counted = metrics
      .split('\n')
      .filter((line) => line.startsWith('farshore_records_rejected_total{') && line.includes(`table="${table}"`));
    const of = (code: string) => counted.find((line) => line.includes(`code="${code}"`))?.split(' ')[1];
    expect([of('record_malformed'), of('record_unmappable'), of('schema_unknown'), of('row_refused')]).toEqual(['6', '1', '1', '4']);
    expect(await daemon.cli(['rejected', 'list', '--reason', 'schema_unknown'])).toContain(`${topic}:0@`);
    const kept = [{ table, records: poison.length, parked: 0 }];
    await eventually(async () => isDeepStrictEqual((await json<DaemonStatus>(['status'])).rejected, kept), {
      what: 'the status counting them',
    });
    expect(await daemon.cli(['status'])).toContain(`${poison.length} of ${table} kept`);
    expect(await (await fetch(`${daemon.url}/metrics`)).text()).toMatch(
      new RegExp(`^farshore_rejected_records\\{.*table="${table}".*\\} ${poison.length}$`, 'm'),
    );
  });

  it('are published beside, with their bytes, their own headers and those of Kafka Connect', async () => {
    const consumer = kafkajsFor(regional).consumer({ groupId: `published-${topic}` });
    const read: KafkaMessage[] = [];
    await consumer.connect();
    try {
      await consumer.subscribe({ topic: `${topic}.farshore.rejected`, fromBeginning: true });
      await consumer.run({ eachMessage: async ({ message }) => void read.push(message) });
      await eventually(() => read.length >= poison.length, { what: 'all rejected records being read' });
    } finally {
      await consumer.disconnect();
    }
    expect(read).toHaveLength(poison.length);
    for (const [n, { key, value, headers }] of read.entries()) {
      const { reason, sqlState, ...sent } = poison[n]!;
      expect([key?.toString(), value]).toEqual([sent.key, sent.value]);
      const text = (name: string) => String(headers?.[name]);
      expect([text('source'), text('__connect.errors.topic'), text('__connect.errors.partition')]).toEqual(['test', topic, '0']);
      expect(text('__connect.errors.stage')).toBe(reason === 'row_refused' ? 'TASK_PUT' : 'VALUE_CONVERTER');
      expect(text('__connect.errors.exception.class.name')).toBe(sqlState === null ? reason : `${reason} (${sqlState})`);
      expect(text('__connect.errors.exception.message')).not.toBe('');
      expect(text('__connect.errors.offset')).toMatch(/^\d+$/);
    }
    expect(await (await fetch(`${daemon.url}/metrics`)).text()).toMatch(
      new RegExp(`^farshore_rejected_published_total\\{.*table="${table}".*\\} ${poison.length}$`, 'm'),
    );
  });

  it('are not told to somebody without the token', async () => {
    expect((await fetch(`${daemon.url}/api/rejected`)).status).toBe(401);
    expect((await fetch(`${daemon.url}/api/rejected/1`)).status).toBe(401);
  });

  it('are applied by a retry once the table and the registry are mended, and never over a newer state', async () => {
    await database.query(`alter table judged alter note type varchar(100), alter version type integer, drop constraint allowed`);
    await copyFile(`${daemon.folder}/schemas/${ROW_SCHEMA_ID}.avsc`, `${daemon.folder}/schemas/${UNKNOWN_SCHEMA_ID}.avsc`);
    await send([{ key: '1010', value: row(1010, 'newer', 2) }]);
    await eventually(async () => (await note(1010)) === 'newer');
    const [first] = await listed('--reason', 'schema_unknown');
    expect(await daemon.cli(['rejected', 'retry', first!.id])).toBe('1 applied, 0 superseded, 0 rejected again\n');
    expect(await note(1006)).toBe('late');
    const left = poison.length - mended.length;
    expect(await daemon.cli(['rejected', 'retry', '--table', table])).toBe(`2 applied, 1 superseded, ${left} rejected again\n`);
    expect([await note(1008), await note(1009), await note(1010)]).toEqual(['longer than twenty characters', 'fine', 'newer']);
    expect((await listed()).map(({ attempts }) => attempts)).toEqual(Array.from({ length: left }, () => 2));
    expect(await count()).toBe(GOOD + mended.length);
  });

  it('are given up only by name, and recorded with who asked', async () => {
    await expect(daemon.cli(['rejected', 'discard'])).rejects.toThrow('--all');
    const before = await listed();
    expect(await daemon.cli(['rejected', 'discard', '--reason', 'record_malformed', '--by', 'ops'])).toBe('6 discarded\n');
    expect((await listed()).map(({ reason }) => reason)).toEqual(['record_unmappable', 'row_refused']);
    const [action] = await json<readonly RecordedAction[]>(['partition', 'log', topic]);
    expect(action).toMatchObject({ by: 'ops', action: 'discard', options: { reason: 'record_malformed', records: '6' } });
    expect(action?.lost).toEqual({ from: before[0]!.offset, to: String(BigInt(before[5]!.offset) + 1n) });
    expect(await daemon.cli(['rejected', 'discard', '--all'])).toBe('2 discarded\n');
    expect(await daemon.cli(['rejected', 'list'])).toBe('no rejected records\n');
  });
});

describe('records whose schema is registered after them', () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('late');
  const producer = kafkajsFor(primary).producer();
  let database: pg.Client;
  let daemon: TestDaemon;

  beforeAll(async () => {
    const url = await freshDatabase();
    database = new pg.Client({ connectionString: url });
    await Promise.all([database.connect(), producer.connect()]);
    await database.query(rowTable('late'));
    await createTopic(primary, { topic });
    daemon = await TestDaemon.create({
      ...{ primary, regional, database: url, region: `late-${topic.slice(-10)}`, topics: [topic] },
      tables: [`{ topic: ${topic}, table: public.late, version: version }`],
    });
    await daemon.start();
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await Promise.all([database?.end(), producer.disconnect()]);
  });

  it('are applied without an operator, and not over a newer state', async () => {
    const send = (id: number, note: string, version: number, schema?: number) =>
      producer.send({ topic, messages: [{ key: String(id), value: rowValue(id, note, version, schema), partition: 0 }] });
    const notes = async () => (await database.query<{ note: string }>('select note from late order by id')).rows.map(({ note }) => note);
    await send(1, 'late', 1, UNKNOWN_SCHEMA_ID);
    await send(2, 'late and older', 1, UNKNOWN_SCHEMA_ID);
    await send(2, 'newer', 2);
    await eventually(async () => (await notes()).join() === 'newer', { deadlineMs: 30_000, what: 'the good record being applied' });
    expect(await daemon.cli(['rejected', 'list'])).toContain('schema_unknown');
    await copyFile(`${daemon.folder}/schemas/${ROW_SCHEMA_ID}.avsc`, `${daemon.folder}/schemas/${UNKNOWN_SCHEMA_ID}.avsc`);
    await eventually(async () => (await notes()).join() === 'late,newer', { deadlineMs: 60_000, what: 'the late record being applied' });
    expect(await daemon.cli(['rejected', 'list'])).toBe('no rejected records\n');
    const { rows } = await database.query("select by, options from farshore.operator_actions where action = 'retry'");
    expect(rows).toMatchObject([{ by: 'rejected.lateSchemas', options: { applied: '1', superseded: '1' } }]);
  });
});

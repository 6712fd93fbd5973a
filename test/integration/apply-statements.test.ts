import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CommitContext, type Counts, commitPlan, countCommitted } from '../../src/apply/commit.ts';
import type { FieldShape } from '../../src/apply/contracts.ts';
import { CopyChances } from '../../src/apply/copy-chances.ts';
import type { ApplyTables } from '../../src/apply/dependencies.ts';
import { planBatch } from '../../src/apply/plan-batch.ts';
import { TableCatalog } from '../../src/apply/table-catalog.ts';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import { systemClock } from '../../src/model/clock.ts';
import { findFarshoreError } from '../../src/model/errors.ts';
import { regionalOffset } from '../../src/model/offsets.ts';
import { versionHex } from '../../src/model/version.ts';
import { arrayLiteral } from '../../src/postgres/array-literal.ts';
import type { Database } from '../../src/postgres/database.ts';
import { applyPositions } from '../../src/postgres/positions.ts';
import { createTable, describeTables, executeDdl } from '../../src/postgres/tables.ts';
import { TextColumn } from '../../src/postgres/text-column.ts';
import { tombstoneStore } from '../../src/postgres/tombstones.ts';
import { freshDatabase } from '../rig/context.ts';
import { field, TestDecoders, type TestRecord, testBatch, visitTestRecords } from '../unit/apply/log-double.ts';
import { migratedDatabase, never, rejectionOf, rowsOf } from './postgres-fixtures.ts';

const topicId = '00000000-0000-4000-8000-000000000001';
let database: Database;
let tables: ApplyTables;

// Longs as JSON numbers with every digit: marked on the way in, unquoted on the way out.
const exactJson = (value: unknown): string =>
  JSON.stringify(value, (_name, item) => (typeof item === 'bigint' ? `long:${item}` : item)).replace(/"long:(-?\d+)"/g, '$1');

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
  tables = {
    describe: (names, signal) => describeTables(database, names, signal),
    create: (table, statements, signal) => createTable(database, table, statements, signal),
    execute: (statements, signal) => executeDdl(database, statements, signal),
  };
});

afterAll(async () => {
  await database.close();
});

beforeEach(async () => {
  await database.query({ text: 'truncate farshore.apply_positions, farshore.tombstones, farshore.rejected_records', values: [] }, never);
});

const ddl = (...statements: readonly string[]) => executeDdl(database, statements, never);

const accountFields: readonly FieldShape[] = [
  field('id', 'long'),
  field('name', 'string', { nullable: true }),
  field('at', 'long', { nullable: true }),
];

/** Applies records of one partition as the stage does: plan, commit, count. */
async function partitionOf(entry: TableEntry, fields: readonly FieldShape[], partition = 0, generation = 1) {
  const decoders = new TestDecoders(new Map([['1', fields]]));
  const catalog = new TableCatalog({ tables }, { entries: [entry], schema: 'validate' });
  await catalog.loadKey(entry.topic, 0, never);
  await catalog.loadMapping(entry.topic, 0, await decoders.load('1'), never);
  const positions = applyPositions(database);
  let [position] = await positions.take([{ topic: entry.topic, partition, topicId }], 1n, never);
  const context: CommitContext = {
    deps: { database, positions, clock: systemClock, random: () => 0, onStep: undefined, arrayText: () => new TextColumn() },
    catalog,
    copies: new CopyChances(),
    topicId,
    epoch: 1n,
    topic: entry.topic,
    partition,
    retried: () => undefined,
  };
  return {
    async apply(records: readonly TestRecord[], homeEpoch = 1): Promise<Omit<Counts, 'table' | 'records' | 'notAllowed'>> {
      const batch = testBatch(records);
      const piece = { batch, end: batch.lastOffset + 1n, proof: { leaderEpoch: 0, crc: 7 }, bytes: batch.bytes.length };
      const from = records[0]!.offset;
      const planned = planBatch(
        [piece],
        from,
        { kind: 'apply', homeEpoch, generation, end: undefined },
        {
          place: `${entry.topic}:${partition}`,
          sink: catalog.sink(entry.topic),
          decoders,
          unknownSchema: () => undefined,
          visitRecords: visitTestRecords,
          writers: { arrayText: () => new TextColumn(), arrayLiteral, exactJson },
        },
        { maxRecords: 1000, maxBytes: 1e6, upTo: undefined },
      );
      if (planned.kind !== 'plan') throw new Error(planned.kind);
      if (planned.plan.failure !== undefined) throw planned.plan.failure.error;
      const committed = await commitPlan(planned.plan, position!, context, never, never);
      position = committed.position;
      const [counted] = await countCommitted(planned.plan, catalog.tablesOf(entry.topic), committed, context, never, never);
      const { table: _table, records: _records, notAllowed: _notAllowed, ...counts } = counted!;
      return counts;
    },
    /** Stands before an offset again, as after an operator's resume --from. */
    async rewindTo(next: bigint): Promise<void> {
      await database.query({ text: 'update farshore.apply_positions set next_offset = $1', values: [next] }, never);
      position = { ...position!, next: regionalOffset(next) };
    },
  };
}

const state = (offset: bigint, id: bigint, name: string | null, at: bigint | null = null): TestRecord => ({
  offset,
  value: { id, name, at },
});
const gone = (offset: bigint, id: bigint): TestRecord => ({ offset, key: String(id), value: null });
const accounts = async () =>
  (await rowsOf(database, `select id, name, encode(farshore_version, 'hex') as version from accounts order by id`)).map(
    ({ id, name, version }) => [id, name, version] as const,
  );
const names = async () => Object.fromEntries((await accounts()).map(([id, name]) => [id, name]));

describe('the guarded upsert', () => {
  const entry: TableEntry = { topic: 'accounts', version: ['at'] };
  beforeEach(async () => {
    await ddl(
      'drop table if exists accounts',
      'create table accounts (id bigint primary key, name text, at bigint, farshore_version bytea)',
    );
  });

  it('writes rows, version and position in one transaction', async () => {
    const partition = await partitionOf(entry, accountFields);
    expect(await partition.apply([state(0n, 1n, 'a', 5n), state(1n, 2n, `quote " \\ {,} NULL`, 6n), state(2n, 1n, 'b', 7n)])).toEqual({
      upserts: 2,
      deletes: 0,
      folded: 1,
      stale: 0,
      duplicates: 0,
      ties: 0,
    });
    expect(await accounts()).toEqual([
      ['1', 'b', versionHex(1, 7n, 1, 2n)],
      ['2', `quote " \\ {,} NULL`, versionHex(1, 6n, 1, 1n)],
    ]);
    const [position] = await rowsOf(database, 'select next_offset, last_crc, records from farshore.apply_positions');
    expect(position).toEqual({ next_offset: '3', last_crc: '7', records: '3' });
  });

  it('C2: overwrites a row that was there before Farshore, whose version is missing', async () => {
    await database.query({ text: `insert into accounts values (1, 'before', 999, null)`, values: [] }, never);
    const partition = await partitionOf(entry, accountFields);
    await partition.apply([state(0n, 1n, 'after', null)]);
    expect(await names()).toEqual({ 1: 'after' });
  });

  it('C1: skips what is stale and what is a duplicate, and tells them apart', async () => {
    const partition = await partitionOf(entry, accountFields);
    const records = [state(0n, 1n, 'a', 10n), state(1n, 2n, 'b', 10n)];
    await partition.apply(records);
    expect(await partition.apply([state(2n, 1n, 'older', 9n), state(3n, 3n, 'c', 1n)])).toMatchObject({
      upserts: 1,
      stale: 1,
      duplicates: 0,
    });
    await partition.rewindTo(0n);
    expect(await partition.apply(records)).toMatchObject({ upserts: 0, stale: 0, duplicates: 2 });
    expect(await names()).toEqual({ 1: 'a', 2: 'b', 3: 'c' });
  });

  it('C3: a later home epoch wins over every source version of the one before', async () => {
    const partition = await partitionOf(entry, accountFields);
    await partition.apply([state(0n, 1n, 'old home, clock ahead', 2n ** 60n)], 1);
    await partition.apply([state(1n, 1n, 'new home', 5n)], 2);
    await partition.apply([state(2n, 1n, 'old home again', 2n ** 61n)], 1);
    expect(await names()).toEqual({ 1: 'new home' });
  });

  it('C4: a null value deletes the row whatever its source version, and a later state with a lower one revives it', async () => {
    const partition = await partitionOf(entry, accountFields);
    await partition.apply([state(0n, 1n, 'a', 100n)]);
    expect(await partition.apply([gone(1n, 1n)])).toMatchObject({ deletes: 1, upserts: 0 });
    expect(await names()).toEqual({});
    await partition.apply([state(2n, 1n, 'revived', 50n)]);
    expect(await names()).toEqual({ 1: 'revived' });
  });

  it('C4: a delete that is kept holds a late update back after a pass of pruning; one that was pruned is really gone', async () => {
    const partition = await partitionOf(entry, accountFields);
    await partition.apply([state(0n, 1n, 'a', 1n), gone(1n, 1n)]);
    const prune = async (keepMs: number) => {
      const page = { table: 'public.accounts', topics: ['accounts'], epoch: 1n, keepMs, after: undefined, limit: 10 };
      return (await tombstoneStore(database).prune(page, never)).deleted;
    };
    const lateAgain = async () => {
      await partition.rewindTo(0n);
      await partition.apply([state(0n, 1n, 'late', 1n)]);
      return await names();
    };
    expect(await prune(3_600_000)).toBe(0);
    expect(await lateAgain()).toEqual({});
    expect(await prune(0)).toBe(1);
    expect(await lateAgain()).toEqual({ 1: 'late' });
  });

  it('C4: what is earlier in the log than the delete cannot revive the row, and the delete again does not remove what came later', async () => {
    const partition = await partitionOf(entry, accountFields);
    const history = [state(0n, 1n, 'a', 100n), gone(1n, 1n), state(2n, 1n, 'revived', 50n), state(3n, 2n, 'x', 100n), gone(4n, 2n)];
    for (const record of history) await partition.apply([record]);
    for (const [index, record] of history.entries()) {
      await partition.rewindTo(BigInt(index));
      await partition.apply([record]);
      expect(await names()).toEqual({ 1: 'revived' });
    }
  });

  it('C4: leaves a tombstone for an unknown key', async () => {
    const partition = await partitionOf(entry, accountFields);
    expect(await partition.apply([gone(0n, 77n)])).toMatchObject({ deletes: 1 });
    expect(await rowsOf(database, `select table_name, key::text as key from farshore.tombstones`)).toEqual([
      { table_name: 'public.accounts', key: '[77]' },
    ]);
  });

  it('C4: one batch with state, delete and state of a key ends with the state after, and triggers see all three', async () => {
    await ddl(
      'create table seen (n serial, what text)',
      'create function see() returns trigger language plpgsql as $$ begin insert into seen (what) values (tg_op); return null; end $$',
      'create trigger see after insert or update or delete on accounts for each row execute function see()',
    );
    const partition = await partitionOf(entry, accountFields);
    expect(await partition.apply([state(0n, 1n, 'a', 9n), gone(1n, 1n), state(2n, 1n, 'b', 3n)])).toMatchObject({ upserts: 2, deletes: 1 });
    expect(await names()).toEqual({ 1: 'b' });
    expect((await rowsOf(database, 'select what from seen order by n')).map(({ what }) => what)).toEqual(['INSERT', 'DELETE', 'INSERT']);
    await ddl('drop function see cascade', 'drop table seen');
  });

  it('C16: a deferred constraint speaks up before the position moves', async () => {
    await ddl(
      'create table parents (id bigint primary key)',
      'alter table accounts add constraint known foreign key (at) references parents deferrable initially deferred',
    );
    const partition = await partitionOf(entry, accountFields);
    const error = findFarshoreError(await rejectionOf(partition.apply([state(0n, 1n, 'orphan', 4n)])));
    expect(error).toMatchObject({ code: 'row_refused', facts: { sqlState: '23503', outcome: 'not_applied' } });
    expect(await rowsOf(database, 'select next_offset from farshore.apply_positions')).toEqual([{ next_offset: '0' }]);
  });

  it('is refused with fenced when another daemon has taken the partition', async () => {
    const partition = await partitionOf(entry, accountFields);
    await database.query({ text: 'update farshore.apply_positions set epoch = 2', values: [] }, never);
    expect(findFarshoreError(await rejectionOf(partition.apply([state(0n, 1n, 'zombie')])))).toMatchObject({ code: 'fenced' });
    expect(await accounts()).toEqual([]);
  });

  it('C4: a state that meets a delete of another partition under way waits for it, and stays deleted when it is older', async () => {
    const first = await partitionOf(entry, accountFields, 0, 2);
    const second = await partitionOf(entry, accountFields, 1, 1);
    const connection = await database.connect(never);
    await connection.script(`begin; select pg_advisory_xact_lock(hashtextextended('farshore apply public.accounts', 0))`, never);
    const deleting = first.apply([gone(0n, 1n)]);
    const writing = second.apply([state(0n, 1n, 'older generation', 9n)]);
    await connection.script('commit', never);
    await connection.close();
    await Promise.all([deleting, writing]);
    expect(await names()).toEqual({});
  });
});

describe('columns', () => {
  it('C17: arrays and JSON arrive whole, values exact to the last digit', async () => {
    await ddl(
      `create table wide (id uuid primary key, tags text[], lines jsonb, total numeric(20,4), big numeric, at timestamptz, raw bytea,
         flag boolean, ratio double precision, code character(3), day date, farshore_version bytea)`,
    );
    const nullable = { nullable: true };
    const fields = [
      field('id', 'string', { logical: 'uuid' }),
      field('tags', 'array', nullable),
      field('lines', 'record', nullable),
      field('total', 'bytes', { logical: 'decimal', precision: 20, scale: 4 }),
      field('big', 'long'),
      field('at', 'long', { logical: 'timestamp-micros' }),
      field('raw', 'string'),
      field('flag', 'boolean'),
      field('ratio', 'double'),
      field('code', 'string', nullable),
      field('day', 'int', { logical: 'date' }),
    ];
    const partition = await partitionOf({ topic: 'wide' }, fields);
    const id = '00000000-0000-4000-8000-00000000000';
    const value = {
      tags: ['a,b', '"q"', null, '{}'],
      lines: { amount: 9_223_372_036_854_775_807n, note: 'x "y"' },
      total: '1234567890123456.7890',
      big: -(2n ** 63n),
      at: '0044-03-15 12:00:00.000001+00 BC',
      raw: '\\x00ff',
      flag: true,
      ratio: 0.1,
      code: 'ab',
      day: '2026-02-28',
    };
    await partition.apply([
      { offset: 0n, value: { ...value, id: `${id}1` } },
      { offset: 1n, value: { ...value, id: `${id}2`, tags: null, lines: null, code: null } },
    ]);
    const rows = await rowsOf(database, 'select id, tags, lines, total, big, at, raw, flag, ratio, code, day from wide order by id');
    expect(rows[0]).toEqual({
      id: `${id}1`,
      tags: '{"a,b","\\"q\\"",NULL,"{}"}',
      lines: '{"note": "x \\"y\\"", "amount": 9223372036854775807}',
      total: '1234567890123456.7890',
      big: '-9223372036854775808',
      at: '0044-03-15 12:00:00.000001+00 BC',
      raw: '\\x00ff',
      flag: 't',
      ratio: '0.1',
      code: 'ab ',
      day: '2026-02-28',
    });
    expect(rows[1]).toMatchObject({ tags: null, lines: null, code: null });
    const error = findFarshoreError(await rejectionOf(partition.apply([{ offset: 2n, value: { ...value, id: `${id}3`, code: 'abcd' } }])));
    expect(error, 'a text above its length is refused, not cut').toMatchObject({ code: 'row_refused', facts: { sqlState: '22001' } });
  });

  it('keys of several columns delete by Avro-like keys and keep their tombstones apart', async () => {
    await ddl('create table pairs (a text, b timestamptz, v bigint, farshore_version bytea, primary key (a, b))');
    const fields = [field('a', 'string'), field('b', 'long', { logical: 'timestamp-millis' }), field('v', 'long')];
    const partition = await partitionOf({ topic: 'pairs' }, fields);
    const row = (offset: bigint, a: string, b: string) => ({ offset, value: { a, b, v: offset } });
    await partition.apply([row(0n, 'x', '2026-01-01 00:00:00+00'), row(1n, 'y', '2026-01-01 00:00:00+00')]);
    expect(await rowsOf(database, 'select a from pairs order by a')).toEqual([{ a: 'x' }, { a: 'y' }]);
    await partition.apply([{ offset: 2n, key: 'x', value: null }, row(3n, 'z', '2026-01-01 00:00:00+00')]);
    expect(await rowsOf(database, 'select a from pairs order by a')).toEqual([{ a: 'x' }, { a: 'y' }, { a: 'z' }]);
    const kept =
      "select topic, partition, record_offset, table_name, reason, convert_from(key, 'UTF8') as key, value, home_epoch, generation";
    expect(await rowsOf(database, `${kept} from farshore.rejected_records`)).toEqual([
      {
        topic: 'pairs',
        partition: '0',
        record_offset: '2',
        table_name: 'public.pairs',
        reason: 'record_malformed',
        key: 'x',
        value: null,
        home_epoch: '1',
        generation: '1',
      },
    ]);
  });
});

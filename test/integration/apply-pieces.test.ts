import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import { FarshoreError } from '../../src/model/errors.ts';
import type { Database } from '../../src/postgres/database.ts';
import { executeDdl } from '../../src/postgres/tables.ts';
import { freshDatabase } from '../rig/context.ts';
import { field, type TestRecord } from '../unit/apply/log-double.ts';
import { appliedPartition } from './apply-rig.ts';
import { migratedDatabase, never, rejectionOf, rowsOf } from './postgres-fixtures.ts';

let database: Database;
beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});
afterAll(async () => {
  await database.close();
});
beforeEach(async () => {
  await executeDdl(
    database,
    [
      'truncate farshore.apply_positions, farshore.tombstones, farshore.rejected_records',
      'drop table if exists things, dated, ordered, copies',
      `create table things (id bigint primary key, name varchar(8) not null check (name <> 'bad'), parent bigint references things deferrable initially deferred,
                            farshore_version bytea, farshore_units jsonb)`,
    ],
    never,
  );
});

const fields = [field('id', 'long'), field('name', 'string', { nullable: true }), field('parent', 'long', { nullable: true })];
const entry: TableEntry = { topic: 'things' };
const thing = (offset: bigint, name: string | null, parent: bigint | null = null): TestRecord => ({
  offset,
  value: { id: offset, name, parent },
});
const many = (count: number, bad: Readonly<Record<number, TestRecord>>) =>
  Array.from({ length: count }, (_, i) => bad[i] ?? thing(BigInt(i), `it's \\${i % 9}`));
const opened = (entries: readonly TableEntry[] = [entry]) => appliedPartition(database, entries, { 1: fields }, { inPieces: true });
const ids = async () => new Set((await rowsOf(database, 'select id from things')).map(({ id }) => Number(id)));

describe('C16: rows that the database refuses are found inside the transaction that applies the others', () => {
  it('each with its own reason, kept, and the position behind them all', async () => {
    await executeDdl(
      database,
      [`do $$ begin execute format('alter database %I set standard_conforming_strings = off', current_database()); end $$`],
      never,
    );
    await database.refresh();
    const partition = await opened();
    const gone = (offset: bigint): TestRecord => ({ offset, key: 'x', value: null });
    const bad = { 3: thing(3n, 'much too long'), 4: thing(4n, 'bad'), 250: thing(250n, null), 270: gone(270n), 299: gone(299n) };
    const { rejected, counts } = await partition.apply(many(300, bad));
    expect(rejected).toEqual(['3 22001', '4 23514', '250 23502', '270 22P02', '299 22P02']);
    expect(counts).toMatchObject([{ records: 300, upserts: 295 }]);
    expect((await ids()).size).toBe(295);
    const kept = await rowsOf(database, 'select record_offset, reason, sql_state from farshore.rejected_records order by id');
    expect(kept.map(({ record_offset, reason, sql_state }) => `${record_offset} ${reason} ${sql_state}`)).toEqual([
      '3 row_refused 22001',
      '4 row_refused 23514',
      '250 row_refused 23502',
      '270 row_refused 22P02',
      '299 row_refused 22P02',
    ]);
    expect(await rowsOf(database, 'select next_offset from farshore.apply_positions')).toEqual([{ next_offset: '300' }]);
  });

  it('also deletes by what is no value of the key, of which several say the same', async () => {
    await executeDdl(database, ['create table dated (id date primary key, farshore_version bytea)'], never);
    const partition = await appliedPartition(database, [{ topic: 'dated' }], { 1: [field('id', 'string')] }, { inPieces: true });
    const gone = (offset: bigint, key: string): TestRecord => ({ offset, key, value: null });
    const day = (offset: bigint): TestRecord => ({ offset, value: { id: `2026-01-0${offset + 1n}` } });
    const { rejected, counts } = await partition.apply([day(0n), day(1n), gone(2n, 'never'), gone(3n, '2026-01-01'), gone(4n, 'never')]);
    expect(rejected).toEqual(['2 22007', '4 22007']);
    expect(counts).toMatchObject([{ upserts: 2, deletes: 1 }]);
    expect(await rowsOf(database, 'select id from dated')).toEqual([{ id: '2026-01-02' }]);
  });

  it('also of rows that are set in part, and where nothing is refused', async () => {
    const partial: TableEntry = { ...entry, partial: { nulls: 'absent' } };
    const partition = await opened([partial]);
    expect((await partition.apply(many(100, { 50: thing(50n, 'much too long') }))).rejected).toEqual(['50 22001']);
    expect((await partition.apply([thing(100n, 'fine'), { offset: 101n, key: '7', value: null }])).rejected).toEqual([]);
    expect((await ids()).size).toBe(99);
  });

  it('again from the first piece on when the connection was lost on the way: the rows of the pieces before were gone with it', async () => {
    let lost = false;
    const losing = new Proxy(database, {
      get: (target, name) => {
        if (name !== 'conversation') {
          const value = Reflect.get(target, name) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        }
        return async (steps: Parameters<Database['conversation']>[0], signal: AbortSignal) => {
          if (lost) return await target.conversation(steps, signal);
          lost = true;
          const gone = () => {
            throw new FarshoreError('database_unreachable', 'gone', { facts: { outcome: 'not_applied' } });
          };
          return await target.conversation([...steps.slice(0, -1), gone], signal);
        };
      },
    });
    const partition = await appliedPartition(losing, [entry], { 1: fields }, { inPieces: true });
    const { rejected } = await partition.apply(many(200, { 70: thing(70n, 'much too long') }));
    expect([lost, rejected]).toEqual([true, ['70 22001']]);
    expect((await ids()).size).toBe(199);
  });

  it('not where the row hides an earlier state of its key, or waits for another row: then nothing is applied, and halves find the way', async () => {
    const partition = await opened();
    const hidden = [thing(0n, 'first'), { offset: 1n, value: { id: 0n, name: 'much too long', parent: null } }, thing(2n, 'other')];
    expect((await partition.apply(hidden)).rejected).toEqual(['unsuited']);
    expect((await partition.apply(many(50, { 9: thing(9n, 'child', 999n) }))).rejected).toEqual(['unsuited']);
    expect(await ids()).toEqual(new Set());
    expect(await rowsOf(database, 'select next_offset from farshore.apply_positions')).toEqual([{ next_offset: '0' }]);
  });

  it('not where what was refused is not at hand any more, since the partition was stopped meanwhile: it would be lost with the position behind it', async () => {
    const partition = await appliedPartition(database, [entry], { 1: fields }, { inPieces: true, forgets: true });
    expect((await partition.apply(many(100, { 50: thing(50n, 'much too long') }))).rejected).toEqual(['unsuited']);
    expect(await ids()).toEqual(new Set());
    expect(await rowsOf(database, 'select next_offset from farshore.apply_positions')).toEqual([{ next_offset: '0' }]);
  });

  it('not where the record of a refused row has another row in another table, which would be half of it', async () => {
    await executeDdl(database, ['create table copies (id bigint primary key, name text, parent bigint, farshore_version bytea)'], never);
    const partition = await opened([entry, { topic: 'things', table: 'copies' }]);
    expect((await partition.apply(many(100, { 50: thing(50n, 'much too long') }))).rejected).toEqual(['unsuited']);
    expect(await rowsOf(database, 'select 1 from copies')).toEqual([]);
    // Refused by the one, it is not for the other either: but where that has no row of it nothing is half.
    expect((await partition.apply(many(100, { 50: { offset: 50n, key: 'x', value: null } }))).rejected).toEqual(['50 22P02']);
    expect((await rowsOf(database, 'select id from copies')).length).toBe(99);
  });

  it('C4: not where a good delete beside a refused one comes late: a state after it would be stale against the row that it takes away', async () => {
    await executeDdl(database, ['create table ordered (id date primary key, at bigint, farshore_version bytea)'], never);
    const byVersion: TableEntry = { topic: 'ordered', key: ['id'], version: ['at'] };
    const partition = await appliedPartition(
      database,
      [byVersion],
      { 1: [field('id', 'string'), field('at', 'long')] },
      { inPieces: true },
    );
    const state = (offset: bigint, id: string, at: bigint): TestRecord => ({ offset, value: { id, at } });
    const gone = (offset: bigint, key: string): TestRecord => ({ offset, key, value: null });
    const [one, other] = ['2026-01-01', '2026-01-02'];
    const rows = async () => (await rowsOf(database, 'select id::text, at from ordered order by id')).map(({ id, at }) => `${id}: ${at}`);
    await partition.apply([state(4n, one, 10n)]);
    const late = [gone(5n, 'never'), gone(6n, one), state(7n, one, 1n), state(8n, other, 1n)];
    expect((await partition.apply(late)).rejected).toEqual(['unsuited']);
    expect(await rows()).toEqual([`${one}: 10`]);
    // Where only refused ones were tried late, nothing was.
    expect((await partition.apply([gone(5n, 'never'), state(6n, other, 1n)])).rejected).toEqual(['5 22007']);
    expect(await rows()).toEqual([`${one}: 10`, `${other}: 1`]);
  });

  it('C4: not where the state of a row that a delete marks comes late: no row would say that it was there', async () => {
    await executeDdl(database, ['create table ordered (id date primary key, gone boolean, farshore_version bytea)'], never);
    const marked: TableEntry = { topic: 'ordered', key: ['id'], softDelete: 'gone' };
    const partition = await appliedPartition(database, [marked], { 1: [field('id', 'string')] }, { inPieces: true });
    const state = (offset: bigint, id: string): TestRecord => ({ offset, value: { id } });
    const records = [
      state(0n, 'never'),
      state(1n, '2026-01-01'),
      { offset: 2n, key: 'never', value: null },
      { offset: 3n, key: '2026-01-01', value: null },
    ];
    expect((await partition.apply(records)).rejected).toEqual(['unsuited']);
  });

  it('C6: keeps what the log holds now at a place where another record was kept: it was cut and refilled', async () => {
    const partition = await opened();
    await partition.apply([thing(0n, 'much too long'), thing(1n, 'fine')]);
    await rowsOf(database, 'update farshore.rejected_records set published_at = now()');
    const kept = async () =>
      await rowsOf(
        database,
        `select convert_from(value, 'UTF8') as value, published_at is not null as told from farshore.rejected_records`,
      );
    const [before] = await kept();
    await partition.apply([thing(0n, 'much too long'), thing(1n, 'fine')]);
    expect(await kept()).toEqual([before]);
    await partition.apply([thing(0n, 'another, and also too long'), thing(1n, 'fine')]);
    expect(await kept()).toEqual([{ value: expect.stringContaining('another, and also too long'), told: 'f' }]);
  });

  it('F12: nothing is kept when the table itself cannot be written', async () => {
    const partition = await opened();
    await partition.apply([thing(0n, 'first')]);
    await executeDdl(database, ['alter table things rename column name to label'], never);
    const refused = await rejectionOf(partition.apply(many(50, {}).map((record) => ({ ...record, offset: record.offset + 1n }))));
    expect(refused).toMatchObject({ code: 'table_mismatch', facts: { sqlState: '42703' } });
    expect(await rowsOf(database, 'select 1 from farshore.rejected_records')).toEqual([]);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Key } from '../../src/audit/contracts.ts';
import {
  deleteStatement,
  insertStatement,
  type RepairedTable,
  type RowTexts,
  repairLock,
  type SeenVersions,
  seenStatement,
  updateStatement,
} from '../../src/audit/repair-statements.ts';
import { versionHex } from '../../src/model/version.ts';
import type { Database } from '../../src/postgres/database.ts';
import { executeDdl } from '../../src/postgres/tables.ts';
import { freshDatabase } from '../rig/context.ts';
import { field } from '../unit/apply/log-double.ts';
import { billsTable } from '../unit/audit/compared.ts';
import { appliedPartition } from './apply-rig.ts';
import { migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

let database: Database;
beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});
afterAll(async () => {
  await database.close();
});
const ddl = (...statements: readonly string[]) => executeDdl(database, statements, never);
beforeEach(async () => {
  await ddl(
    'truncate farshore.apply_positions, farshore.tombstones',
    'drop table if exists bills',
    'create table bills (id bigint primary key, total numeric(12,2), at timestamptz, updated bigint, gone_at timestamptz, farshore_version bytea)',
  );
});

const table: RepairedTable = {
  compared: billsTable({ total: 'numeric', at: 'timestamptz', updated: 'bigint' }),
  tombstoneKey: ['id'],
  streamOnly: [],
};
const soft: RepairedTable = { ...table, softDelete: { column: 'gone_at', type: 'timestamp with time zone' } };
const row = (id: string, total: string | null, updated = '5'): RowTexts =>
  new Map([
    ['id', id],
    ['total', total],
    ['at', '2026-01-02 03:04:05.123456+00'],
    ['updated', updated],
  ]);
const key = (id: string): Key => [id];

const seen = async (id: string): Promise<SeenVersions> => {
  const { rows } = await database.query(seenStatement(table, key(id)), never);
  return { row: (rows[0]?.row_version as string | null) ?? undefined, tombstone: (rows[0]?.tombstone as string | null) ?? undefined };
};
const run = async (statement: ReturnType<typeof insertStatement>, exclusive = false): Promise<number> => {
  const results = await database.transaction([repairLock(table, exclusive), statement], never);
  return Number(results.at(-1)?.rows[0]?.written);
};
const bills = async () =>
  (await rowsOf(database, 'select id, total, gone_at is not null as gone from bills order by id')).map(
    ({ id, total, gone }) => `${id} ${total}${gone === 't' ? ' gone' : ''}`,
  );

const fields = [field('id', 'long'), field('total', 'double'), field('updated', 'long')];
const value = (id: bigint, total: number, updated = 5n) => ({ id, total, updated });
/** With and without a source version: the two orders of C4. */
const partitionOf = async (entry = {}) => await appliedPartition(database, [{ topic: 'bills', key: ['id'], ...entry }], { 1: fields });
const nullDelete = (id: bigint, offset: bigint) => ({ offset, key: String(id), value: null });

describe.each([
  ['the order of the log', {}],
  ['a source version', { version: ['updated'] }],
])('C18: a repair in a table ordered by %s', (_, entry) => {
  it('writes over a rogue write that left the version as it was, and loses to the next record', async () => {
    const partition = await partitionOf(entry);
    await partition.apply([{ offset: 0n, value: value(1n, 10) }]);
    await ddl('update bills set total = 99');
    expect(await run(updateStatement(table, key('1'), row('1', '10.00'), await seen('1')))).toBe(1);
    expect(await bills()).toEqual(['1 10.00']);
    await partition.apply([{ offset: 1n, value: value(1n, 11, 6n) }]);
    expect(await bills()).toEqual(['1 11.00']);
  });

  it('writes nothing where the stream came in between', async () => {
    const partition = await partitionOf(entry);
    await partition.apply([
      { offset: 0n, value: value(1n, 10) },
      { offset: 1n, value: value(2n, 10) },
    ]);
    const [first, second, third] = [await seen('1'), await seen('2'), await seen('3')];
    await partition.apply([
      { offset: 2n, value: value(1n, 12, 7n) },
      nullDelete(2n, 3n),
      { offset: 4n, value: value(3n, 5) },
      nullDelete(3n, 5n),
    ]);
    expect(await run(updateStatement(table, key('1'), row('1', '10.00'), first))).toBe(0);
    expect(await run(deleteStatement(table, key('1'), first), true)).toBe(0);
    expect(await run(updateStatement(table, key('2'), row('2', '10.00'), second))).toBe(0);
    expect(await run(insertStatement(table, key('2'), row('2', '10.00'), second))).toBe(0);
    expect(await run(insertStatement(table, key('3'), row('3', '5.00'), third))).toBe(0);
    expect(await bills()).toEqual(['1 12.00']);
  });

  it('brings a row back that was deleted behind the daemon, below what the stream says next', async () => {
    const partition = await partitionOf(entry);
    await partition.apply([{ offset: 0n, value: value(1n, 10) }]);
    await ddl('delete from bills');
    expect(await run(insertStatement(table, key('1'), row('1', '10.00'), await seen('1')))).toBe(1);
    expect(await rowsOf(database, 'select total, at::text as at, updated from bills')).toEqual([
      { total: '10.00', at: expect.stringContaining('05.123456'), updated: '5' },
    ]);
    await partition.apply([{ offset: 1n, value: value(1n, 11, 6n) }]);
    expect(await bills()).toEqual(['1 11.00']);
  });

  it('takes an extra row away for good: its own state stays away when it comes again, a later one makes it anew', async () => {
    const partition = await partitionOf(entry);
    await partition.apply([{ offset: 5n, value: value(1n, 10, 9n) }]);
    expect(await run(deleteStatement(table, key('1'), await seen('1')), true)).toBe(1);
    expect(await bills()).toEqual([]);
    await partition.apply([{ offset: 5n, value: value(1n, 10, 9n) }]);
    expect(await bills()).toEqual([]);
    // also with a lower source version: the key was made anew at the primary
    await partition.apply([{ offset: 6n, value: value(1n, 12, 1n) }]);
    expect(await bills()).toEqual(['1 12.00']);
  });

  it('gives a row that comes back the version of its tombstone: what the delete blocked stays blocked', async () => {
    const partition = await partitionOf(entry);
    await partition.apply([{ offset: 0n, value: value(1n, 10) }, nullDelete(1n, 1n)]);
    const { tombstone } = await seen('1');
    expect(tombstone).toBeDefined();
    expect(await run(insertStatement(table, key('1'), row('1', '20.00'), await seen('1')))).toBe(1);
    expect((await seen('1')).row).toBe(tombstone);
    await partition.apply([{ offset: 0n, value: value(1n, 10) }]);
    expect(await bills()).toEqual(['1 20.00']);
  });
});

describe('a repair', () => {
  it('C2: takes a row without a version for what was seen, and leaves the lowest tombstone', async () => {
    await ddl('insert into bills (id, total) values (1, 1), (2, 2)');
    expect(await seen('1')).toEqual({ row: undefined, tombstone: undefined });
    expect(await run(deleteStatement(table, key('1'), await seen('1')), true)).toBe(1);
    expect(await run(updateStatement(table, key('2'), row('2', '3.00'), await seen('2')))).toBe(1);
    expect((await seen('1')).tombstone).toBe(versionHex(0, null, 0, 0n));
    expect(await bills()).toEqual(['2 3.00']);
  });

  it('keeps a later tombstone than that of the row it takes away', async () => {
    const partition = await partitionOf();
    await partition.apply([{ offset: 3n, value: value(1n, 10) }, nullDelete(1n, 4n)]);
    const { tombstone } = await seen('1');
    await ddl('insert into bills (id, total) values (1, 66)');
    expect(await run(deleteStatement(table, key('1'), await seen('1')), true)).toBe(1);
    expect((await seen('1')).tombstone).toBe(tombstone);
    expect(await bills()).toEqual([]);
  });

  it('marks and unmarks rows where a column remembers deletes', async () => {
    const partition = await partitionOf({ softDelete: 'gone_at', columns: {} });
    await partition.apply([{ offset: 0n, value: value(1n, 10) }]);
    expect(await run(deleteStatement(soft, key('1'), await seen('1')), true)).toBe(1);
    expect(await bills()).toEqual(['1 10.00 gone']);
    expect(await run(insertStatement(soft, key('1'), row('1', '12.00'), await seen('1')))).toBe(1);
    expect(await bills()).toEqual(['1 12.00']);
    // a live row is no row to bring back
    expect(await run(insertStatement(soft, key('1'), row('1', '13.00'), await seen('1')))).toBe(0);
  });

  it('waits for a delete that is not committed yet, and then sees its tombstone', async () => {
    const partition = await partitionOf();
    await partition.apply([{ offset: 0n, value: value(1n, 10) }]);
    const before = await seen('1');
    const other = await database.connect(never);
    try {
      await other.run(
        [
          { text: 'begin', values: [] },
          repairLock(table, true),
          { text: 'delete from bills where id = 1', values: [] },
          {
            text: `insert into farshore.tombstones values ('public.bills', '[1]', decode('${versionHex(1, null, 1, 9n)}', 'hex'))`,
            values: [],
          },
        ],
        never,
      );
      const repairing = run(insertStatement(table, key('1'), row('1', '10.00'), before));
      await other.run([{ text: 'commit', values: [] }], never);
      expect(await repairing).toBe(0);
      expect(await bills()).toEqual([]);
    } finally {
      await other.close();
    }
  });
});

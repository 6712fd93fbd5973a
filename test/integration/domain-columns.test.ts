import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FieldShape } from '../../src/apply/contracts.ts';
import type { CopyTrials } from '../../src/apply/copy-chances.ts';
import type { Folded } from '../../src/apply/folded.ts';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import type { Database } from '../../src/postgres/database.ts';
import { describeTables, executeDdl } from '../../src/postgres/tables.ts';
import { freshDatabase } from '../rig/context.ts';
import { field, type TestRecord } from '../unit/apply/log-double.ts';
import { appliedPartition } from './apply-rig.ts';
import { migratedDatabase, never, rejectionOf, rowsOf } from './postgres-fixtures.ts';

let database: Database;
beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
  await ddl(
    'create domain code as varchar(5)',
    'create domain short_code as code check (length(value) > 1)',
    'create domain cents as numeric(12,2)',
    'create domain padded as character(5)',
    'create domain flags as bit(3)',
    `create domain email as text check (value like '%@%')`,
    'create domain codes as varchar(5)[]',
  );
});
afterAll(async () => {
  await database.close();
});
beforeEach(async () => {
  await ddl('truncate farshore.apply_positions, farshore.tombstones, farshore.rejected_records', 'drop table if exists items');
});

const ddl = (...statements: readonly string[]) => executeDdl(database, statements, never);
const entry: TableEntry = { topic: 'items' };
const shape = (name: string, avro = 'string', changes: Partial<FieldShape> = {}) => [
  field('id', 'long'),
  field(name, avro, { nullable: true, ...changes }),
];
const values = (...given: readonly TestRecord['value'][]): readonly TestRecord[] => given.map((value, i) => ({ offset: BigInt(i), value }));
const copying = (): CopyTrials & { readonly outcomes: string[] } => {
  const outcomes: string[] = [];
  return {
    outcomes,
    tries: ({ before, deletes, after }: Folded) => before === undefined && deletes === undefined && after !== undefined,
    note: (_folded: Folded, outcome: string) => void outcomes.push(outcome),
  };
};

describe('a column whose type is a domain', () => {
  it.each([
    ['varchar(5)', 'code', 'abcdefgh', '22001'],
    ['a domain over varchar(5)', 'short_code', 'abcdefgh', '22001'],
    ['character(5)', 'padded', 'abcdefgh', '22001'],
    ['bit(3)', 'flags', '10101', '22026'],
    ['text with a check', 'email', 'nobody', '23514'],
  ])('over %s refuses what does not fit, by the guarded statement, by COPY and in parts', async (_title, type, tooMuch, code) => {
    const table = `create table items (id bigint primary key, c ${type}, other text, farshore_version bytea, farshore_units jsonb)`;
    const good = type === 'flags' ? '101' : 'a@b';
    for (const [how, changes] of [
      ['guarded', {}],
      ['copied', {}],
      ['in parts', { partial: { absent: true } }],
      ['in parts, set whole', { partial: { absent: true } }],
    ] as const) {
      await ddl('drop table if exists items', table);
      const copies = copying();
      const partition = await appliedPartition(
        database,
        [{ ...entry, ...changes }],
        { 1: [...shape('c'), field('other', 'string', { mayBeAbsent: 'partial' in changes })] },
        { inPieces: true, ...(how === 'copied' ? { copies } : {}) },
      );
      const other = how === 'in parts' ? {} : { other: 'x' };
      const { rejected } = await partition.apply(
        values({ id: 1n, c: tooMuch, ...other }, { id: 2n, c: good, ...other }, { id: 3n, c: null, ...other }),
      );
      expect([how, rejected]).toEqual([how, [`0 ${code}`]]);
      expect([how, await rowsOf(database, 'select id, c from items order by id')]).toEqual([
        how,
        [
          { id: '2', c: type === 'padded' ? 'a@b  ' : good },
          { id: '3', c: null },
        ],
      ]);
      if (how === 'copied') expect(copies.outcomes[0]).not.toBe('copied');
    }
  });

  it('is described by what it stands for, with the length that the innermost domain gives', async () => {
    await ddl('create table items (id bigint primary key, a code, b short_code, c codes, d code[], e varchar(5), f cents)');
    const [table] = await describeTables(database, [{ schema: 'public', table: 'items' }], never);
    expect(table!.columns.map(({ type, base, itemBase }) => [type, base, itemBase])).toEqual([
      ['bigint', undefined, undefined],
      ['code', 'character varying(5)', undefined],
      ['short_code', 'character varying(5)', undefined],
      ['codes', 'character varying(5)[]', undefined],
      ['code[]', undefined, 'character varying(5)[]'],
      ['character varying(5)', undefined, undefined],
      ['cents', 'numeric(12,2)', undefined],
    ]);
  });

  it('over numeric(12,2) is no column for a decimal of scale 4', async () => {
    await ddl('create table items (id bigint primary key, c cents, farshore_version bytea)');
    const decimal = (scale: number) => shape('c', 'bytes', { logical: 'decimal', precision: 12, scale });
    const partition = await appliedPartition(database, [entry], { 1: decimal(4), 2: decimal(2) });
    const refusal = await rejectionOf(partition.apply(values({ id: 1n, c: '1.2345' })));
    expect(refusal).toMatchObject({ code: 'table_mismatch', message: expect.stringContaining('numeric(12,2) rounds decimals of scale 4') });
    await partition.apply([{ offset: 5n, schema: '2', value: { id: 1n, c: '1.23' } }]);
    expect(await rowsOf(database, 'select c from items')).toEqual([{ c: '1.23' }]);
  });

  it.each(['codes', 'code[]'])('in %s refuses an item that does not fit', async (type) => {
    await ddl(`create table items (id bigint primary key, c ${type}, farshore_version bytea)`);
    const partition = await appliedPartition(database, [entry], { 1: shape('c', 'array') }, { inPieces: true });
    const { rejected } = await partition.apply(values({ id: 1n, c: ['ab', 'abcdefgh'] }, { id: 2n, c: ['ab', 'cd'] }));
    expect(rejected).toEqual(['0 22001']);
    expect(await rowsOf(database, 'select id, c from items')).toEqual([{ id: '2', c: '{ab,cd}' }]);
  });

  it.each(['email', 'code', 'padded'])('%s is a key as any other, also of a delete and of parts of rows', async (type) => {
    await ddl(`create table items (c ${type} primary key, n text, o text default 'none', farshore_version bytea, farshore_units jsonb)`);
    const apply = async (isPartial: boolean, ...records: readonly TestRecord[]) => {
      const fields = [field('c', 'string'), ...['n', 'o'].map((name) => field(name, 'string', { mayBeAbsent: isPartial }))];
      const written: TableEntry = { topic: 'items', key: ['c'], ...(isPartial ? { partial: { absent: true } } : {}) };
      await (await appliedPartition(database, [written], { 1: fields })).apply(records);
    };
    await apply(false, ...values({ c: 'a@b', n: '1', o: '1' }, { c: 'c@d', n: '1', o: '1' }));
    await apply(false, { offset: 2n, value: { c: 'a@b', n: '2', o: '2' } });
    await apply(false, { offset: 3n, key: 'c@d', value: null });
    await apply(false, { offset: 1n, value: { c: 'c@d', n: 'late', o: 'late' } });
    await apply(true, { offset: 4n, value: { c: 'a@b', n: '4' } });
    await apply(true, { offset: 5n, value: { c: 'e@f', n: '5' } });
    await apply(true, { offset: 6n, key: 'e@f', value: null }, { offset: 7n, value: { c: 'e@f', n: '7' } });
    expect(await rowsOf(database, 'select rtrim(c::text) as c, n, o from items order by 1')).toEqual([
      { c: 'a@b', n: '4', o: '2' },
      { c: 'e@f', n: '7', o: 'none' },
    ]);
  });
});

it.each(['name', '"char"'])('a column of type %s, which cuts whatever it is given, is refused', async (type) => {
  await ddl(`create table items (id bigint primary key, c ${type}, farshore_version bytea)`);
  const partition = await appliedPartition(database, [entry], { 1: shape('c') });
  const refusal = await rejectionOf(partition.apply(values({ id: 1n, c: 'x'.repeat(70) })));
  expect(refusal).toMatchObject({ code: 'table_mismatch', message: expect.stringContaining('cuts longer texts') });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ComparedTable, Side } from '../../src/audit/contracts.ts';
import { boundariesStatement, newestKeysStatement, rangeDigestStatement } from '../../src/audit/statements.ts';
import { type AuditRig, auditRig, compared, pass, suspectText } from './audit-rig.ts';
import { never } from './postgres-fixtures.ts';

let rig: AuditRig;

beforeAll(async () => {
  rig = await auditRig();
  await rig.both(`create type grade as enum ('z', 'a', 'm')`);
  await rig.both(`create collation if not exists loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`);
  await rig.both(`create domain code as text collate "en-x-icu"`);
});

afterAll(async () => {
  await rig.close();
});

async function planOf(side: Side, { text, values }: { readonly text: string; readonly values: readonly unknown[] }): Promise<string> {
  const { rows } = await rig.databases[side].query({ text: `explain ${text}`, values }, never);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

const words = `(array['', ' ', 'a', 'A', 'á', 'a b', 'ab', 'a-b', 'Ab', 'ß', 'ss', 'z', 'Z', 'é', 'e', 'E', '_', '€'])[1 + n % 18] || (n / 18)::text`;
const uuids = `md5(n::text)::uuid`;

// Definition of the key at the primary and in the region, and the key of row n.
const keys: readonly (readonly [name: string, primary: string, region: string, key: string])[] = [
  ['integers', 'a int primary key', 'a bigint primary key', 'n - 1000'],
  ['small integers and numerics', 'a smallint primary key', 'a numeric primary key', 'n - 1000'],
  ['numerics and integers', 'a numeric(30,10) primary key', 'a integer primary key', 'n - 1000'],
  ['uuids', 'a uuid primary key', 'a uuid primary key', uuids],
  [
    'timestamps',
    'a timestamptz primary key',
    'a timestamp primary key',
    `timestamp '0002-01-01 BC' + n * interval '17 hours 1 microsecond'`,
  ],
  ['dates', 'a date primary key', 'a date primary key', `date '0002-01-01 BC' + n`],
  ['times', 'a time primary key', 'a time primary key', `time '00:00' + n * interval '1.000001 s'`],
  ['bytes', 'a bytea primary key', 'a bytea primary key', `decode(md5(n::text), 'hex')`],
  ['doubles', 'a real primary key', 'a double precision primary key', `(n / 7.0 - 100)::real`],
  ['texts of one collation', `a text collate "en-x-icu" primary key`, `a varchar collate "en-x-icu" primary key`, words],
  ['texts in the order of bytes', `a text collate "C" primary key`, `a varchar(80) collate "POSIX" primary key`, words],
  ['texts of two collations', `a text collate "en-x-icu" primary key`, `a text collate "C" primary key`, words],
  ['texts of a domain', 'a code primary key', `a text collate "en-x-icu" primary key`, words],
  ['texts whose collation takes some for the same', `a text collate loose primary key`, `a text primary key`, `'k' || n`],
  [
    'blanks that fill a char(n)',
    `a char(20) collate "en-x-icu" primary key`,
    `a char(30) collate "en-x-icu" primary key`,
    `${words} || 'x'`,
  ],
  [
    'enums and integers',
    'a grade, b int, primary key (a, b)',
    'a grade, b bigint, primary key (a, b)',
    `(array['a','z','m'])[1 + n % 3]::grade, n`,
  ],
  [
    'booleans and dates',
    'a boolean, b date, primary key (a, b)',
    'a boolean, b date, primary key (a, b)',
    `n % 2 = 0, date '2024-01-01' + n`,
  ],
  [
    'three columns in another order than the table has them',
    'a int, b text collate "C", c uuid, primary key (c, b, a)',
    'a bigint, b text collate "C", c uuid, primary key (c, b, a)',
    `n % 3, 'k' || n % 5, ${uuids}`,
  ],
  [
    'a unique index in the place of a primary key',
    'a int not null, b int not null, unique (b, a)',
    'a int, b int, primary key (a, b), unique (b, a)',
    'n % 10, n',
  ],
];

describe.each(keys)('keys that are %s', (_name, primary, region, key) => {
  const rows = 400;
  const columns = primary.includes(' c uuid') ? 'a, b, c' : primary.includes(' b ') ? 'a, b' : 'a';
  let table: ComparedTable;

  beforeAll(async () => {
    await rig.both('drop table if exists keyed');
    await rig.at('primary', `create table keyed (${primary}, v int)`);
    await rig.at('region', `create table keyed (${region}, v int)`);
    await rig.both(`insert into keyed (${columns}, v) select ${key}, n from generate_series(1, ${rows}) as n`);
    await rig.both('analyze keyed');
    table = await compared(rig, 'keyed');
  });

  it('are walked once each and are equal', async () => {
    for (const rowsPerRange of [7, 1_000]) {
      const { suspects, rows: seen } = await pass(rig, table, rowsPerRange);
      expect([suspects, seen]).toEqual([[], rows]);
    }
  });

  it('lead to every row that differs', async () => {
    const at = [1, 2, 200, 399, 400];
    await rig.at('region', `update keyed set v = -v where v in (${at.join()})`);
    await rig.at('primary', 'delete from keyed where v = 50');
    await rig.at('region', 'delete from keyed where v = 51');
    const { suspects } = await pass(rig, table, 7);
    expect(suspects.map(({ kind, columns: names }) => `${kind} ${names.join()}`).toSorted()).toEqual([
      ...at.map(() => 'changed v'),
      ...['extra ', 'missing '],
    ]);
    const places = suspects.map((suspect) => suspect.key);
    const looks = {
      primary: await rig.sides.primary.look(table, places, never),
      region: await rig.sides.region.look(table, places, never),
    };
    for (const [index, suspect] of suspects.entries()) {
      const there = looks.primary.value[index];
      const here = looks.region.value[index];
      expect([suspectText(suspect), there?.present, here?.present]).toEqual([
        suspectText(suspect),
        suspect.kind !== 'extra',
        suspect.kind !== 'missing',
      ]);
    }
  });
});

describe('sides that order texts differently, which nobody noticed', () => {
  it('have no row left out, and come to an end', async () => {
    await rig.both('drop table if exists keyed');
    await rig.at('primary', 'create table keyed (a text collate "en-x-icu" primary key, v int)');
    await rig.at('region', 'create table keyed (a text collate "C" primary key, v int)');
    await rig.both(`insert into keyed select ${words}, n from generate_series(1, 1000) as n`);
    await rig.at('region', 'update keyed set v = -v where v % 100 = 0');
    const byBytes = await compared(rig, 'keyed');
    const table = { ...byBytes, key: byBytes.key.map((column) => ({ ...column, keyAs: 'text' as const })) };
    for (const rowsPerRange of [20, 500]) {
      const { suspects, steps } = await pass(rig, table, rowsPerRange);
      const met = new Set(suspects.map(({ key }) => key[0]));
      const { rows } = await rig.databases.region.query({ text: 'select a from keyed where v < 0 order by a', values: [] }, never);
      const unlisted = steps.flatMap((step) => step.unlisted);
      expect(unlisted.length > 0 || rows.every(({ a }) => met.has(a ?? ''))).toBe(true);
      expect([steps.at(-1)?.done, suspects.length + unlisted.length > 0]).toEqual([true, true]);
    }
  });
});

describe('a range of keys', () => {
  // [key at the primary, key in the region, key of row n, an end of a range]
  it.each([
    ['a int primary key', 'a bigint primary key', 'n', ['5000'], ['6000']],
    ['a int primary key', 'a numeric primary key', 'n', ['5000'], ['6000.5']],
    [
      'a timestamptz primary key',
      'a timestamp primary key',
      `timestamp '2024-01-01' + n * interval '1 s'`,
      ['2024-01-01 01:00:00'],
      ['2024-01-01 01:10:00'],
    ],
    [`a text collate "en-x-icu" primary key`, `a varchar(40) collate "en-x-icu" primary key`, `md5(n::text)`, ['70'], ['80']],
    [`a text collate "en-x-icu" primary key, unique (a)`, `a text collate "C" primary key`, `md5(n::text)`, ['70'], ['80']],
    [
      'a uuid, b int, primary key (a, b)',
      'a uuid, b bigint, primary key (a, b)',
      'md5(n::text)::uuid, n',
      [`7${'0'.repeat(31)}`, '1'],
      [`8${'0'.repeat(31)}`, '2'],
    ],
  ])('is one piece of the index: %s and %s', async (primary, region, key, after, upTo) => {
    await rig.both('drop table if exists keyed');
    await rig.at('primary', `create table keyed (${primary}, v text)`);
    await rig.at('region', `create table keyed (${region}, v text)`);
    await rig.at('primary', 'create unique index on keyed (a collate "C")').catch(() => undefined);
    await rig.both(`insert into keyed select ${key}, repeat('x', 100) from generate_series(1, 20000) as n`);
    await rig.both('vacuum analyze keyed');
    const table = await compared(rig, 'keyed');
    for (const side of ['primary', 'region'] as const) {
      const range = { after, upTo };
      for (const statement of [
        rangeDigestStatement(table, side, range, 10_000),
        boundariesStatement(table, side, range, { rowsPerRange: 100, limit: 8 }),
      ]) {
        const plan = await planOf(side, statement);
        expect(plan).toMatch(/Index Cond: .*>.*<=/);
        expect(plan).not.toContain('Seq Scan');
      }
    }
  });
});

describe('the rows that were written last', () => {
  it('are not those that were frozen more than 2^31 transactions ago, whose age is negative', async () => {
    await rig.both('create table seen (id int primary key, wrote text)');
    // A view may have a column of this name: it stands for the one of a server that is older than any test can be.
    await rig.at('primary', 'create view seen_rows as select id, wrote, wrote::xid as xmin from seen');
    await rig.at('primary', `insert into seen values (1, '2000000000'), (2, '10'), (3, '2000000001'), (4, '30'), (5, '2'), (6, '20')`);
    const table = await compared(rig, 'seen');
    const view = { ...table, primary: { table: { schema: 'public', table: 'seen_rows' }, where: undefined } };
    const newest = async (limit: number) => {
      const { rows } = await rig.databases.primary.query(newestKeysStatement(view, 'primary', limit), never);
      return rows.map((row) => Number(row.k0));
    };
    expect(await newest(3)).toEqual([4, 6, 2]);
    expect((await newest(10)).slice(0, 4)).toEqual([4, 6, 2, 5]);
  });
});

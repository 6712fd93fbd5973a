import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Statement } from '../../src/apply/contracts.ts';
import { arrayLiteral } from '../../src/postgres/array-literal.ts';
import type { Connection } from '../../src/postgres/connection.ts';
import type { Database } from '../../src/postgres/database.ts';
import { TextColumn } from '../../src/postgres/text-column.ts';
import { eventually, freshDatabase } from '../rig/context.ts';
import { never, openDatabase, rejectionOf, rowsOf } from './postgres-fixtures.ts';

let database: Database;
let connection: Connection;
beforeAll(async () => {
  database = openDatabase(await freshDatabase());
  connection = await database.connect(never);
});
afterAll(async () => {
  await connection.close();
  await database.close();
});
beforeEach(async () => {
  await connection.script('drop table if exists copied; create table copied (id bigint primary key, note text, v bytea)', never);
});

const columnOf = (values: readonly (string | number | bigint | boolean | null)[]): TextColumn => {
  const column = new TextColumn();
  for (const value of values) column.push(value);
  return column;
};
const copyOf = (ids: readonly number[], note = 'x', table = 'copied'): Statement => ({
  name: `copy_${table}`,
  text: `copy ${table} (id, note, v) from stdin`,
  values: [],
  copy: { columns: [columnOf(ids), columnOf(ids.map(() => note))], hex: columnOf(ids.map(() => '00ff')) },
});
const select = (text: string): Statement => ({ text, values: [] });
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** The same session must answer what it is asked next, and nothing of before may be in. */
async function stillInStep(): Promise<void> {
  expect(connection.broken).toBe(false);
  const [first, second] = await connection.run([select('select 41 + 1 as n'), select('select count(*) as n from copied')], never);
  expect([first?.rows, second?.rows]).toEqual([[{ n: '42' }], [{ n: '0' }]]);
  const results = await connection.transaction([select('select 7 as n'), copyOf([1, 2]), select('select 8 as n')], never);
  expect(results.map(({ command }) => command)).toEqual(['SELECT 1', 'COPY 2', 'SELECT 1']);
  expect(results.map(({ rows }) => rows[0]?.n)).toEqual(['7', undefined, '8']);
}

describe('COPY in one round trip with the statements around it', () => {
  it('answers each in its place', stillInStep);

  it('several in one transaction, also without rows', async () => {
    const results = await connection.transaction([copyOf([1]), copyOf([]), copyOf([2, 3])], never);
    expect(results.map(({ rowCount }) => rowCount)).toEqual([1, 0, 2]);
    expect(await rowsOf(database, 'select v::text from copied')).toEqual(Array.from({ length: 3 }, () => ({ v: '\\x00ff' })));
  });

  it('a row that exists, with megabytes behind it that the server has not read', async () => {
    const ids = [...upTo(20_000), 1, ...upTo(20_000).map((id) => id + 20_000)];
    const error = await rejectionOf(connection.transaction([copyOf(ids, 'y'.repeat(300)), select('select 1')], never));
    expect(error).toMatchObject({ code: 'row_refused', facts: { sqlState: '23505', outcome: 'not_applied' } });
    await stillInStep();
  });

  it('a statement before it that fails: its rows are skipped', async () => {
    const error = await rejectionOf(connection.transaction([select('select 1 / 0'), copyOf(upTo(10_000))], never));
    expect(error).toMatchObject({ facts: { sqlState: '22012', outcome: 'not_applied' } });
    await stillInStep();
  });

  it('a statement behind it that fails takes its rows along', async () => {
    const error = await rejectionOf(connection.transaction([copyOf(upTo(100)), select('select 1 / 0')], never));
    expect(error).toMatchObject({ facts: { sqlState: '22012' } });
    await stillInStep();
  });

  it('a table that does not exist', async () => {
    const error = await rejectionOf(connection.transaction([copyOf(upTo(10_000), 'x', 'nowhere')], never));
    expect(error).toMatchObject({ facts: { sqlState: '42P01' } });
    await stillInStep();
  });

  it('a value that its column does not take', async () => {
    const wrong = {
      ...copyOf([1, 2]),
      copy: { columns: [columnOf([1, 'no number']), columnOf([null, null])], hex: columnOf(['00', '00']) },
    };
    const error = await rejectionOf(connection.transaction([wrong], never));
    expect(error).toMatchObject({ facts: { sqlState: '22P02' } });
    await stillInStep();
  });

  it('rows that were given to a statement that reads none', async () => {
    const { copy } = copyOf([1]);
    await connection.transaction([{ ...select('select 1'), copy }], never);
    await stillInStep();
  });

  it('cancelled while it waits for another transaction', async () => {
    const other = await database.connect(never);
    await other.run([select('begin'), select('insert into copied (id) values (5)')], never);
    const copying = rejectionOf(connection.transaction([copyOf(upTo(10_000))], never));
    await eventually(async () => (await rowsOf(database, 'select pg_cancel_backend(pid) from pg_locks where not granted')).length > 0);
    expect(await copying).toMatchObject({ code: 'database_unreachable', facts: { sqlState: '57014', outcome: 'not_applied' } });
    await other.run([select('rollback')], never);
    await other.close();
    await stillInStep();
  });

  it('ended by an aborted signal, the session is given up and the server keeps nothing', async () => {
    const own = await database.connect(never);
    const other = await database.connect(never);
    await other.run([select('begin'), select('insert into copied (id) values (5)')], never);
    const abort = new AbortController();
    const copying = rejectionOf(own.transaction([copyOf(upTo(100))], abort.signal));
    await eventually(async () => (await rowsOf(database, 'select 1 as n from pg_locks where not granted')).length > 0);
    abort.abort(new Error('enough'));
    expect(await copying).toMatchObject({ message: 'enough' });
    expect(own.broken).toBe(true);
    // Not rolled back: the copy, which may be carried out to its end, meets the row.
    await other.run([select('commit')], never);
    await other.close();
    await eventually(async () => (await rowsOf(database, 'select 1 as n from pg_locks where not granted')).length === 0);
    expect(await rowsOf(database, 'select id from copied')).toEqual([{ id: '5' }]);
  });
});

describe('COPY and array parameters', () => {
  const odd = [
    '',
    'a\tb',
    'a\nb\r\n',
    '\\',
    '\\N',
    '\\.',
    'NULL',
    '"',
    'ł𝄞',
    "'",
    '{}',
    '\u0001\b\f\v\u007f',
    '\\x00',
    'x'.repeat(5_000),
    null,
  ];
  const numbers = [0, -0, 1.5e300, 5e-324, Number.NaN, 1 / 0, -1 / 0, 0.1, null];
  const types: Readonly<Record<string, readonly (string | number | bigint | boolean | null)[]>> = {
    text: odd,
    'varchar(5000)': odd,
    'char(6)': ['a', 'a b', 'ł\t\\"', '', null],
    bigint: [0, 9_223_372_036_854_775_807n, -9_223_372_036_854_775_808n, '12', null],
    smallint: [-32_768, 32_767, null],
    boolean: [true, false, 'yes', null],
    'double precision': numbers,
    real: [0, -0, 1.5e30, Number.NaN, 1 / 0, 0.1, null],
    'numeric(12,2)': ['1.005', '-0.00', '9999999999.99', 'NaN', 7, null],
    numeric: [`1${'0'.repeat(200)}.${'1'.repeat(100)}`, 'Infinity', '-1e-30', null],
    uuid: ['00000000-0000-4000-8000-0000000000ff', null],
    date: ['2026-02-28', 'infinity', '0044-03-15 BC', null],
    'timestamp(3) with time zone': ['2026-01-01 00:00:00.123456+02', '-infinity', null],
    'timestamp without time zone': ['2026-01-01T00:00:00.123456', null],
    'time without time zone': ['23:59:59.999999', null],
    interval: ['1 mon 2 days 00:00:00.5', '-3 years', null],
    bytea: ['\\x', '\\x00ff5c0a09', null],
    jsonb: ['{"a": "\\\\ \\" \\n \\t", "n": 12345678901234567890.5, "u": "ł"}', '[]', 'null', null],
    json: ['{"a":  1, "a": "\\u00e9"}', null],
    'text[]': [arrayLiteral(['a "b"', 'c\\d', '', 'NULL', null, 'e\tf\n']), '{}', null],
    'numeric(5,1)[]': [arrayLiteral(['1.25', null]), null],
    'bit(4)': ['0110', null],
    'bit varying': ['', '01', null],
    inet: ['10.0.0.1/8', null],
    money: ['1.25', null],
    xml: ['<a b="c">\\ &amp;\n</a>', null],
    mood: ['so so', null],
    short: ['abc', null],
  };
  // As column-types.ts has them travel: as an array of the type, or as text that each row casts.
  const asText = new Set([
    'char(6)',
    'jsonb',
    'json',
    'text[]',
    'numeric(5,1)[]',
    'bit(4)',
    'bit varying',
    'inet',
    'money',
    'xml',
    'mood',
    'short',
  ]);
  const castTo: Readonly<Record<string, string>> = {
    'char(6)': 'bpchar',
    'bit(4)': 'varbit',
    'bit varying': 'varbit',
    'numeric(5,1)[]': 'numeric[]',
  };

  beforeAll(async () => {
    await connection.script(`create type mood as enum ('so so', 'fine'); create domain short as text check (length(value) < 9)`, never);
  });

  it.each(Object.entries(types))('store the same %s', async (type, values) => {
    await connection.script(`drop table if exists typed; create table typed (way text, n serial, value ${type}, v bytea)`, never);
    const column = columnOf(values);
    const count = values.length;
    const array = type.replace(/\(.*?\)/, '');
    const given = asText.has(type) ? `i.c::${castTo[type] ?? type}` : 'i.c';
    await connection.transaction(
      [
        {
          text: `insert into typed (way, value, v) select 'array', ${given}, '\\x01' from unnest($1::${asText.has(type) ? 'text' : array}[]) with ordinality as i (c, n) order by n`,
          values: [column],
        },
        {
          text: 'copy typed (way, value, v) from stdin',
          values: [],
          copy: { columns: [columnOf(values.map(() => 'copy')), column], hex: columnOf(values.map(() => '01')) },
        },
      ],
      never,
    );
    const of = (way: string) => rowsOf(database, 'select value::text, v::text from typed where way = $1 order by n', [way]);
    const copied = await of('copy');
    expect(copied).toHaveLength(count);
    expect(copied).toEqual(await of('array'));
  });

  it('a text with a NUL is refused before anything is sent', () => {
    expect(() => columnOf(['a\0b'])).toThrow('NUL');
  });
});

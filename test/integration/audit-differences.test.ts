import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ComparedTable } from '../../src/audit/contracts.ts';
import { type AuditRig, auditRig, compared, pass, suspectText } from './audit-rig.ts';

let rig: AuditRig;
let table: ComparedTable;

// Types differ where a mapping may make them differ; settings wherever they could reach what is compared.
const primaryDdl = `create table all_types (id integer primary key, small smallint, big bigint, amount numeric, label varchar(200), code char(10),
  body text, at timestamptz, local timestamp, day date, clock time, clock_zone timetz, span interval, yes boolean, one real, two double precision,
  raw bytea, doc jsonb, plain json, who uuid, mood mood, numbers integer[], words text[], matrix integer[], moments timestamptz[], price price,
  bits bit varying, address inet)`;
const regionDdl = `create table all_types (id bigint primary key, small numeric, big numeric, amount numeric(40,15), label text, code char(12),
  body varchar, at timestamp, local timestamptz, day date, clock time(6), clock_zone timetz, span interval, yes boolean, one double precision,
  two double precision, raw bytea, doc json, plain jsonb, who uuid, mood text, numbers bigint[], words varchar[], matrix numeric[],
  moments timestamp[], price numeric(20,4), bits bit varying(64), address inet, farshore_version bytea)`;

const columns = `id, small, big, amount, label, code, body, at, local, day, clock, clock_zone, span, yes, one, two, raw, doc, plain, who, mood,
  numbers, words, matrix, moments, price, bits, address`;

const rowOf = (id: string) => `select ${id}, (n % 100)::smallint, n * 1000000007::bigint, n / 8.0, 'label ' || n, 'c' || n, 'body ' || n,
  timestamptz '2024-02-29 12:34:56.123456+00' + n * interval '1 hour 1 microsecond', timestamp '1999-12-31 23:59:59.999999' + n * interval '1 day',
  date '2024-01-01' + n, time '00:00:00.000001' + n * interval '1 second', timetz '10:00:00+02', make_interval(months => n, secs => n / 4.0), n % 2 = 0,
  (n / 3.0)::real, n / 3.0::double precision, decode(md5(n::text), 'hex'), json_build_object('a', n, 'b', json_build_array(n, null, 'x')),
  json_build_object('z', n, 'y', true), md5(n::text)::uuid, (array['ok', 'sad', 'it''s "odd", {really}'])[1 + n % 3]::MOOD,
  array[n, null, n + 1], array['w' || n, null, 'NULL', '', 'a,b', '"'], array[[n, 2], [3, 4]],
  array[timestamptz '2024-01-01 00:00:00+00' + n * interval '1 second'], n / 16.0, n::bit(16)::varbit, '10.0.0.1'::inet + n
  from generate_series(1, 500) as n`;

const special = `insert into all_types (id, amount, at, local, day, one, two, span, words, numbers, body, raw, plain) values
  (9001, 'NaN', 'infinity', '-infinity', 'infinity', 'NaN', 'infinity', '-1 year 2 days -00:00:01', '{}', null, '', '', '{"a":1,"b":2}'),
  (9002, 0.000000000000001, '4000-01-01 00:00:00+00 BC', '0044-03-15 12:00:00 BC', '4713-01-01 BC', '-0', '-0', '0', null, '{}', null, null, 'null'),
  (9003, -123456789012345678901234.5, '9999-12-31 23:59:59.999999+00', '9999-12-31 23:59:59.999999', '5874897-12-31', 1e-45::real, 4.9e-324,
     '178000000 years', '{NULL}', '{NULL}', 'ü € 𝄞', '\\x00ff', '{"u":"\\u00fc"}')`;

const settings = {
  primary: {
    ...{ timezone: 'America/New_York', datestyle: 'SQL, DMY', extra_float_digits: '-3', intervalstyle: 'sql_standard' },
    ...{ bytea_output: 'escape', xmlbinary: 'base64', standard_conforming_strings: 'on' },
  },
  region: {
    ...{ timezone: 'Asia/Kolkata', datestyle: 'German', extra_float_digits: '3', intervalstyle: 'iso_8601' },
    ...{ bytea_output: 'hex', xmlbinary: 'hex', enable_indexscan: 'on' },
  },
};

beforeAll(async () => {
  rig = await auditRig(settings);
  await rig.at('primary', `create type mood as enum ('ok', 'sad', 'it''s "odd", {really}')`);
  await rig.at('primary', 'create domain price_base as numeric(20,4)');
  await rig.at('primary', 'create domain price as price_base check (value >= 0)');
  await rig.at('primary', primaryDdl);
  await rig.at('region', regionDdl);
});

afterAll(async () => {
  await rig.close();
});

beforeEach(async () => {
  await rig.both('truncate all_types');
  await rig.at('primary', `insert into all_types (${columns}) ${rowOf('n').replace('MOOD', 'mood')}`);
  await rig.at('region', `insert into all_types (${columns}) ${rowOf('n').replace('MOOD', 'text')}`);
  await rig.both(special);
  table = await compared(rig, 'all_types');
});

const found = async (rowsPerRange = 100) => (await pass(rig, table, rowsPerRange)).suspects.map(suspectText);

describe('rows of all types', () => {
  it('are equal whatever the types of a mapping and the settings of the servers', async () => {
    const { suspects, rows, steps } = await pass(rig, table);
    expect(suspects.map(suspectText)).toEqual([]);
    expect(rows).toBe(503);
    expect(steps.at(-1)?.done).toBe(true);
    expect(table.columns).toHaveLength(28);
  });
});

describe('a difference', () => {
  // What is done in the region to row 7, unless it says another row, and what is said of it.
  it.each([
    ['null in place of an empty text', `update all_types set body = null where id = 9001`, ['9001 changed: body']],
    ['an empty text in place of null', `update all_types set body = '' where id = 9002`, ['9002 changed: body']],
    ['the text NULL in place of null', `update all_types set body = 'NULL' where id = 9002`, ['9002 changed: body']],
    ['a trailing blank', `update all_types set label = label || ' ' where id = 7`, ['7 changed: label']],
    ['upper case', `update all_types set body = upper(body) where id = 7`, ['7 changed: body']],
    ['another normal form of Unicode', `update all_types set body = normalize(body, NFD) where id = 9003`, ['9003 changed: body']],
    ['a microsecond', `update all_types set at = at + interval '1 microsecond' where id = 7`, ['7 changed: at']],
    [
      'a microsecond before Christ',
      `update all_types set local = local + interval '1 microsecond' where id = 9002`,
      ['9002 changed: local'],
    ],
    ['infinity that is a time', `update all_types set at = '2024-01-01' where id = 9001`, ['9001 changed: at']],
    ['the other infinity', `update all_types set day = '-infinity' where id = 9001`, ['9001 changed: day']],
    ['another time of day', `update all_types set clock = clock + interval '1 microsecond' where id = 7`, ['7 changed: clock']],
    ['the same instant in another zone', `update all_types set clock_zone = '09:00:00+01' where id = 7`, ['7 changed: clock_zone']],
    [
      '30 days for a month',
      `update all_types set span = interval '30 days 1.75 s' + interval '6 months' where id = 7`,
      ['7 changed: span'],
    ],
    ['the last digit of a numeric', `update all_types set amount = amount + 0.000000000000001 where id = 7`, ['7 changed: amount']],
    ['NaN that is a number', `update all_types set amount = 0 where id = 9001`, ['9001 changed: amount']],
    ['the last bit of a double', `update all_types set two = 2.3333333333333339 where id = 7`, ['7 changed: two']],
    ['a whole number beyond what a double holds', `update all_types set big = big + 1 where id = 499`, ['499 changed: big']],
    ['a false for a true', `update all_types set yes = not yes where id = 7`, ['7 changed: yes']],
    ['a byte', `update all_types set raw = '\\x00fe' where id = 9003`, ['9003 changed: raw']],
    ['empty bytes for none', `update all_types set raw = '' where id = 9002`, ['9002 changed: raw']],
    ['a value in a document', `update all_types set doc = '{"a":7,"b":[7,"x",null]}' where id = 7`, ['7 changed: doc']],
    ['JSON null and no document', `update all_types set plain = null where id = 9002`, ['9002 changed: plain']],
    ['another label', `update all_types set mood = 'OK' where id = 3`, ['3 changed: mood']],
    ['a null that is missing in an array', `update all_types set numbers = array[7, 8] where id = 7`, ['7 changed: numbers']],
    ['an empty array for null', `update all_types set numbers = '{}' where id = 9001`, ['9001 changed: numbers']],
    ['the text NULL in an array', `update all_types set words[2] = 'NULL' where id = 7`, ['7 changed: words']],
    [
      'a comma between elements',
      `update all_types set words = array['w7', null, 'NULL', '', 'a', 'b', '"'] where id = 7`,
      ['7 changed: words'],
    ],
    ['a flat array for a matrix', `update all_types set matrix = array[7, 2, 3, 4] where id = 7`, ['7 changed: matrix']],
    ['bits', `update all_types set bits = bits || B'0' where id = 7`, ['7 changed: bits']],
    ['two columns at once', `update all_types set body = label, label = body where id = 7`, ['7 changed: label, body']],
    [
      'values of two rows that changed places',
      `update all_types as t set body = o.body from all_types as o where t.id + o.id = 15 and t.id in (7, 8)`,
      ['7 changed: body', '8 changed: body'],
    ],
    ['a row that is gone', `delete from all_types where id = 7`, ['7 missing']],
    ['a row too many', `insert into all_types (id) values (7000)`, ['7000 extra']],
    ['the first row gone', `delete from all_types where id = 1`, ['1 missing']],
    ['the last row gone', `delete from all_types where id = 9003`, ['9003 missing']],
    ['a row before the first', `insert into all_types (id) values (-5)`, ['-5 extra']],
    ['a row beyond the last, and what an integer holds', `insert into all_types (id) values (99999999999)`, ['99999999999 extra']],
    ['a row under another key', `update all_types set id = 7000 where id = 7`, ['7 missing', '7000 extra']],
  ])('is found and named: %s', async (_what, change, expected) => {
    await rig.at('region', change);
    expect(await found()).toEqual(expected);
    // Bisection starts elsewhere.
    expect(await found(3)).toEqual(expected);
  });

  it.each([
    ['scales and zeros', `update all_types set amount = 0.8750000, price = 0.4375 where id = 7`],
    ['-0 and 0', `update all_types set one = 0, two = 0 where id = 9002`],
    ['order of keys, blanks and repeated keys in JSON', `update all_types set doc = '{ "b":[7, null,"x"], "a":1, "a":7 }' where id = 7`],
    ['the blanks that fill a char(n)', `update all_types set code = rtrim(code) where id = 7`],
    ['where an index of an array starts', `update all_types set numbers = '[5:7]={7,NULL,8}' where id = 7`],
  ])('is none: %s', async (_what, change) => {
    await rig.at('region', change);
    expect(await found()).toEqual([]);
  });

  it('is told of neighbouring columns whose texts moved', async () => {
    await rig.at('primary', `update all_types set label = 'ab', code = null, body = 'c' where id = 7`);
    await rig.at('region', `update all_types set label = 'a', code = null, body = 'bc' where id = 7`);
    expect(await found()).toEqual(['7 changed: label, body']);
  });

  it('is found beyond the last key of the region, however many rows the primary has there', async () => {
    await rig.at('region', 'delete from all_types where id > 20');
    const { suspects, steps } = await pass(rig, table, 10);
    expect(suspects.map(suspectText)).toEqual([
      ...Array.from({ length: 480 }, (_none, index) => `${index + 21} missing`),
      ...['9001 missing', '9002 missing', '9003 missing'],
    ]);
    expect(steps.length).toBeGreaterThan(40);
  });

  it('is found where one side is empty', async () => {
    await rig.at('region', 'truncate all_types');
    expect(await found()).toHaveLength(503);
    await rig.both('truncate all_types');
    await rig.at('region', 'insert into all_types (id) values (1), (2)');
    expect(await found()).toEqual(['1 extra', '2 extra']);
    await rig.both('truncate all_types');
    const { steps, rows } = await pass(rig, table);
    expect([steps.length, rows, steps[0]?.done]).toEqual([1, 0, true]);
  });
});

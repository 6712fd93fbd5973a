import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { differencesOf, digestPairs } from '../../src/audit/bisect.ts';
import { prepareComparison, type WantedComparison } from '../../src/audit/compared-table.ts';
import type { ComparedTable, PassStep, Side } from '../../src/audit/contracts.ts';
import { passSteps } from '../../src/audit/pass.ts';
import { lookStatement, rangeDigestStatement } from '../../src/audit/statements.ts';
import { PostgresAuditSide } from '../../src/postgres/audit-side.ts';
import { type AuditRig, auditRig, compared, pass, suspectText, wanted } from './audit-rig.ts';
import { never, openDatabase, rejectionOf, rowsOf } from './postgres-fixtures.ts';

let rig: AuditRig;
const role = `auditor_${process.pid}`;

beforeAll(async () => {
  rig = await auditRig();
  await rig.at('primary', `create role ${role} login`);
});

afterAll(async () => {
  for (const side of ['primary', 'region'] as const) await rig.at(side, `drop owned by ${role}`);
  await rig.at('primary', `drop role ${role}`);
  await rig.close();
});

describe('a pass', () => {
  let table: ComparedTable;

  beforeAll(async () => {
    await rig.both('create table sales (id bigint primary key, amount numeric, note text)');
    table = await compared(rig, 'sales');
  });

  beforeEach(async () => {
    await rig.both('truncate sales');
    await rig.both(`insert into sales select n, n / 4.0, 'note ' || n from generate_series(1, 1000) as n`);
  });

  it('goes on after any step from its cursor, and names every difference once', async () => {
    await rig.at('region', `update sales set note = 'x' where id % 97 = 0`);
    await rig.at('region', 'delete from sales where id = 1000');
    await rig.at('region', 'insert into sales values (1001)');
    const { steps, suspects } = await pass(rig, table, 50);
    const all = suspects.map(suspectText);
    expect(all).toEqual([
      ...[97, 194, 291, 388, 485, 582, 679, 776, 873, 970].map((id) => `${id} changed: note`),
      '1000 missing',
      '1001 extra',
    ]);
    expect(steps.map(({ done }) => done)).toEqual([...steps.slice(1).map(() => false), true]);
    for (const [index, { cursor }] of steps.entries()) {
      const rest = await pass(rig, table, 50, cursor);
      expect([...steps.slice(0, index + 1).flatMap((step) => step.suspects.map(suspectText)), ...rest.suspects.map(suspectText)]).toEqual(
        all,
      );
    }
    expect((await pass(rig, table, 50, steps.at(-1)?.cursor)).steps).toEqual([]);
  });

  it('stops at a signal, and its last cursor is where it goes on', async () => {
    const stop = new AbortController();
    const steps: PassStep[] = [];
    const stopped = (async () => {
      for await (const step of passSteps(table, rig.sides, { rowsPerRange: 50, cursor: undefined }, stop.signal)) {
        steps.push(step);
        if (steps.length === 8) stop.abort(new Error('stopped'));
      }
    })();
    await expect(stopped).rejects.toThrow('stopped');
    const rest = await pass(rig, table, 50, steps.at(-1)?.cursor);
    expect(rest.rows + steps.reduce((sum, { rowsCompared }) => sum + rowsCompared, 0)).toBe(1_000);
  });

  it('refuses the cursor of another table, of another key, and what is none', async () => {
    await rig.both('create table if not exists other_sales (id bigint primary key, amount numeric, note text)');
    const other = await compared(rig, 'other_sales');
    const [step] = (await pass(rig, other)).steps;
    for (const cursor of [step?.cursor, '{', '[]', '{}', '1']) {
      expect(await rejectionOf(pass(rig, table, 50, cursor))).toMatchObject({ code: 'request_invalid', place: 'table public.sales' });
    }
  });

  it('sends digests only: of equal rows less than a thousandth of them', async () => {
    await rig.both('truncate sales');
    await rig.both(`insert into sales select n, n, repeat('x', 180) from generate_series(1, 40000) as n`);
    const { bytes, rows } = await pass(rig, table, 10_000);
    expect(rows).toBe(40_000);
    const [size] = await rowsOf(rig.databases.primary, `select pg_table_size('sales') as bytes`);
    expect(bytes).toBeLessThan(Number(size?.bytes) / 1_000);
  });

  it('tells ranges with their counts where too many rows differ to list them', async () => {
    await rig.at('region', `update sales set note = note || '!'`);
    await rig.at('region', 'delete from sales where id > 900');
    const range = { after: undefined, upTo: undefined };
    const { pairs } = await digestPairs(table, rig.sides, [range], 4_000, never);
    const found = { range, digests: pairs[0]!, rowLimit: 4_000, maxSuspects: 100 };
    const { suspects, unlisted } = await differencesOf(table, rig.sides, found, never);
    expect(suspects.length).toBeGreaterThanOrEqual(100);
    expect(suspects.length).toBeLessThan(300);
    expect(suspects.slice(0, 2).map(suspectText)).toEqual(['1 changed: note', '2 changed: note']);
    const sum = (side: 'primaryRows' | 'regionRows') => unlisted.reduce((rows, one) => rows + one[side], 0);
    expect(sum('primaryRows') + suspects.length).toBe(1_000);
    expect(sum('regionRows') + suspects.length).toBe(900);
    expect(unlisted.every(({ atLeast }) => !atLeast)).toBe(true);
    expect(unlisted[0]?.after).toEqual([String(suspects.length)]);
    expect(unlisted.at(-1)?.upTo).toBeUndefined();
  });

  it('is not taken in by a table that only the primary fills', async () => {
    await rig.at('region', 'truncate sales');
    const { suspects, rows } = await pass(rig, table, 10);
    expect([suspects.length, rows]).toEqual([1_000, 1_000]);
    const [first] = (await pass(rig, table, 1_000)).steps;
    expect([first?.suspects.length, first?.unlisted]).toEqual([1_000, []]);
  });
});

describe('a digest', () => {
  it('is the same in sessions of any settings', async () => {
    await rig.both(`create table settled (id int primary key, at timestamptz, local timestamp, day date, span interval, two double precision,
      one real, raw bytea, clock timetz, raws bytea[], doubles double precision[], times timestamptz[], spans interval[], doc jsonb, amount numeric, yes boolean)`);
    await rig.both(`insert into settled select n, timestamptz '2024-03-10 09:59:59.9+00' + n * interval '1 h', timestamp '2024-01-01' + n * interval '1 day',
      date '2024-01-01' + n, make_interval(years => 1, days => n, secs => n), n / 3.0, n / 7.0, decode(md5(n::text), 'hex'), '10:00+05:30',
      array[decode(md5(n::text), 'hex'), '\\x00'], array[n / 3.0, 'NaN'], array[timestamptz '2024-03-10 09:59:59.9+00' + n * interval '1 h', 'infinity'],
      array[make_interval(days => n)], json_build_object('n', n), n / 3.0, n % 2 = 0 from generate_series(1, 50) as n`);
    const table = await compared(rig, 'settled');
    const settings: readonly (readonly string[])[] = [
      ['timezone = UTC', 'datestyle = ISO', 'intervalstyle = postgres', 'extra_float_digits = 1', 'bytea_output = hex'],
      [
        'timezone = "America/New_York"',
        'datestyle = "SQL, DMY"',
        'intervalstyle = sql_standard',
        'extra_float_digits = -15',
        'bytea_output = escape',
      ],
      ['timezone = "Asia/Kolkata"', 'datestyle = German', 'intervalstyle = iso_8601', 'extra_float_digits = 3', 'bytea_output = hex'],
      ['timezone = "Australia/Lord_Howe"', 'datestyle = "Postgres, MDY"', 'intervalstyle = postgres_verbose', 'extra_float_digits = 0'],
    ];
    const seen = new Set<string>();
    for (const [index, lines] of settings.entries()) {
      const side: Side = index % 2 === 0 ? 'primary' : 'region';
      const client = new pg.Client({ connectionString: rig.urls[side] });
      await client.connect();
      try {
        for (const line of lines) await client.query(`set ${line}`);
        const whole = rangeDigestStatement(table, side, { after: undefined, upTo: undefined }, 100);
        const look = lookStatement(table, side, [['7'], ['50']]);
        const { rows } = await client.query(whole.text, [...whole.values]);
        const looked = await client.query(look.text, [...look.values]);
        seen.add(JSON.stringify([rows, looked.rows.map(({ xmin: _xmin, ...row }) => row)]));
      } finally {
        await client.end();
      }
    }
    expect(seen.size).toBe(1);
    expect([...seen][0]).toContain('"rows":"50"');
  });
});

describe('a look at keys', () => {
  it('C19: tells presence, digests of row and columns, who wrote the row, and the version in the region', async () => {
    await rig.at('primary', 'create table looked (a int, b text, v text, primary key (a, b))');
    await rig.at('region', 'create table looked (a int, b text, v text, farshore_version bytea, primary key (a, b))');
    await rig.both(`insert into looked (a, b, v) values (1, 'x,"y', 'one'), (2, '', null)`);
    await rig.at('region', `update looked set farshore_version = '\\x01ff', v = 'other' where a = 1`);
    const table = await compared(rig, 'looked');
    const keys = [
      ['2', ''],
      ['3', 'z'],
      ['1', 'x,"y'],
    ];
    const there = (await rig.sides.primary.look(table, keys, never)).value;
    const here = (await rig.sides.region.look(table, keys, never)).value;
    expect(there.map(({ present }) => present)).toEqual([true, false, true]);
    expect(there[0]).toMatchObject({ digest: here[0]?.digest, version: undefined });
    expect(there[0]?.columnDigests).toEqual(here[0]?.columnDigests);
    expect(there[1]).toEqual({ present: false, digest: undefined, columnDigests: new Map(), xmin: undefined, version: undefined });
    expect(here[2]?.version).toBe('01ff');
    expect(here[2]?.digest).not.toBe(there[2]?.digest);
    expect(
      [...there[2]!.columnDigests].filter(([name, digest]) => here[2]?.columnDigests.get(name) !== digest).map(([name]) => name),
    ).toEqual(['v']);
    expect((await rig.sides.primary.look(table, [], never)).value).toEqual([]);

    // The same values again are another row version: the bracket must see it.
    const before = there[2]?.xmin;
    await rig.at('primary', `update looked set v = v where a = 1`);
    const [again] = (await rig.sides.primary.look(table, [['1', 'x,"y']], never)).value;
    expect(again?.digest).toBe(there[2]?.digest);
    expect(again?.xmin).not.toBe(before);
  });

  it('sees the rows of the condition and those not softly deleted only', async () => {
    await rig.at('primary', 'create table tenants (id int primary key, tenant int)');
    await rig.at('region', 'create table tenants (id int primary key, gone timestamptz)');
    await rig.at('primary', 'insert into tenants values (1, 7), (2, 8), (3, 7)');
    await rig.at('region', 'insert into tenants values (1, null), (2, now()), (3, null), (4, now())');
    const name = { schema: 'public', table: 'tenants' };
    const changes = { source: { table: name, columns: new Map([['id', 'id']]), where: 'tenant = 7 -- the first' }, live: '"gone" is null' };
    const table = await compared(rig, 'tenants', changes);
    expect((await pass(rig, table, 2)).suspects).toEqual([]);
    const keys = ['1', '2', '3', '4'].map((id) => [id]);
    for (const side of ['primary', 'region'] as const) {
      expect((await rig.sides[side].look(table, keys, never)).value.map(({ present }) => present)).toEqual([true, false, true, false]);
    }
  });

  it('tells where the log of the server is', async () => {
    const before = await rig.sides.primary.position(never);
    expect(before).toMatchObject({ standby: false, lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/) });
    await rig.at('primary', 'create table moved (x int)');
    const [moved] = await rowsOf(rig.databases.primary, 'select $1::pg_lsn > $2::pg_lsn as moved', [
      (await rig.sides.primary.position(never)).lsn,
      before.lsn,
    ]);
    expect(moved?.moved).toBe('t');
  });

  it('cannot write at the primary', async () => {
    const reading = openDatabase(rig.urls.primary, { readOnly: true });
    const write = { text: 'create table written (x int)', values: [] };
    expect(await rejectionOf(reading.query(write, never))).toMatchObject({ facts: { sqlState: '25006' } });
    expect(await rejectionOf(reading.transaction([write], never))).toMatchObject({ facts: { sqlState: '25006' } });
    expect(await rejectionOf(reading.conversation([() => [write]], never))).toMatchObject({ facts: { sqlState: '25006' } });
    await reading.close();
  });
});

describe('a table that cannot be compared', () => {
  const refusal = async (table: string, changes: Partial<WantedComparison> = {}) => {
    const outcome = await prepareComparison(rig.sides, await wanted(rig, table, changes), never);
    return outcome.kind === 'compared' ? [] : outcome.reasons.map(({ code, message, hint }) => ({ code, message, hint }));
  };
  const source = (table: string, columns: Readonly<Record<string, string>>, where?: string) => ({
    source: { table: { schema: 'public', table }, columns: new Map(Object.entries(columns)), where },
  });

  it('is not there', async () => {
    expect(await refusal('nowhere')).toMatchObject([
      { code: 'table_missing', message: 'There is no table public.nowhere at the primary', hint: expect.stringContaining('source.table') },
      { code: 'table_missing', message: 'There is no table public.nowhere in the region' },
    ]);
  });

  it('lacks a primary key on a side', async () => {
    await rig.at('primary', 'create table keyless (id int, v int)');
    await rig.at('region', 'create table keyless (id int primary key, v int)');
    expect(await refusal('keyless')).toEqual([
      {
        code: 'table_incomparable',
        message: 'id of public.keyless at the primary is no primary key, and no unique index without nulls',
        hint: 'alter table "public"."keyless" add primary key ("id");',
      },
    ]);
    await rig.at('primary', 'create unique index on keyless (id)');
    expect(await refusal('keyless')).toMatchObject([{ code: 'table_incomparable' }]);
    await rig.at('primary', 'alter table keyless alter column id set not null');
    expect(await refusal('keyless')).toEqual([]);
    await rig.at('region', 'alter table keyless drop constraint keyless_pkey');
    expect(await refusal('keyless')).toMatchObject([{ message: 'Table public.keyless has no primary key in the region' }]);
  });

  it('has types that cannot be, each named with its column', async () => {
    await rig.both('create type pair as (x int, y int)');
    const columns = `id int primary key, price money, spans int4range, both_of pair, words tsvector, pairs pair[]`;
    await rig.at('primary', `create table odd (${columns}, n bigint, day date, list int[])`);
    await rig.at('region', `create table odd (${columns}, n double precision, day text, list int)`);
    const messages = (await refusal('odd')).map(({ code, message }) => `${code} ${message}`);
    expect(messages).toEqual(
      [
        'price cannot be compared: money is written by the locale of the server',
        'spans cannot be compared: ranges are not compared',
        'both_of cannot be compared: composite types are not compared',
        'words cannot be compared: a tsvector is derived from other columns',
        'pairs cannot be compared: composite types are not compared',
        'n cannot be compared: bigint at the primary and double precision in the region',
        'day cannot be compared: date at the primary and text in the region',
        'list cannot be compared: integer[] at the primary and integer in the region',
      ].map((rest) => `table_incomparable Column ${rest}`),
    );
    expect(await refusal('odd', source('odd', { id: 'id' }))).toEqual([]);
  });

  it('has keys that are ordered by nothing, or ordered otherwise', async () => {
    await rig.at('primary', 'create table spanned (id interval primary key)');
    await rig.at('region', 'create table spanned (id interval primary key)');
    expect(await refusal('spanned')).toMatchObject([
      { message: 'Key column id cannot be walked: interval at the primary does not order a key' },
    ]);
    await rig.at('primary', 'create table named (id uuid primary key)');
    await rig.at('region', 'create table named (id text primary key)');
    expect(await refusal('named')).toMatchObject([
      { message: 'Key column id cannot be walked: uuid at the primary and text in the region are not ordered alike' },
    ]);
  });

  it('lacks a column at the primary', async () => {
    await rig.at('primary', 'create table narrow (id int primary key, v int)');
    await rig.at('region', 'create table narrow (id int primary key, w int)');
    expect(await refusal('narrow', { unknown: ['nope'] })).toMatchObject([
      { code: 'table_mismatch', message: 'Column nope named under `source` is not in the regional table' },
      {
        code: 'table_mismatch',
        message: 'Column w is not in public.narrow at the primary',
        hint: expect.stringContaining('source: { omit: [w] }'),
      },
    ]);
    expect(await refusal('narrow', source('narrow', { id: 'id', w: 'v' }))).toEqual([]);
  });

  it('has a condition that cannot be run', async () => {
    await rig.both('create table conditioned (id int primary key)');
    const conditions = ['nope = 1', 'id =', 'id = 1) or (true', 'id = 1] or array[true', 'id', "id = 'x'", 'true, true', "id = 1 /* '"];
    for (const where of conditions) {
      const found = await refusal('conditioned', source('conditioned', { id: 'id' }, where));
      const [one] = found;
      expect([where, one?.code, one?.hint]).toEqual([where, 'table_unmappable', 'Mend `source.where` of its entry in `apply.tables`.']);
    }
    expect(await refusal('conditioned', source('conditioned', { id: 'id' }, "id = 1 or (id in (2, 3) and 'a' <> '(') -- all"))).toEqual([]);
  });

  it('may not be read, or not all of it', async () => {
    await rig.both('create table guarded (id int primary key, open text, secret text)');
    await rig.at('primary', `grant select (id, open) on guarded to ${role}`);
    const url = rig.urls.primary.replace(/\/\/[^@]*@/, `//${role}@`);
    const database = openDatabase(url, { readOnly: true });
    const sides = { ...rig.sides, primary: new PostgresAuditSide('primary', database) };
    const ask = async (columns: Readonly<Record<string, string>>, table = 'guarded') => {
      const outcome = await prepareComparison(sides, await wanted(rig, table, source(table, columns)), never);
      return outcome.kind === 'compared' ? [] : outcome.reasons.map(({ code, message, hint }) => ({ code, message, hint }));
    };
    expect(await ask({ id: 'id', secret: 'secret' })).toEqual([
      {
        code: 'database_denied',
        message: 'The role may not read secret of public.guarded at the primary',
        hint: 'grant select ("secret") on "public"."guarded" to the role that reads it;',
      },
    ]);
    expect(await ask({ id: 'id', open: 'open' })).toEqual([]);
    await rig.at('primary', `revoke select (id, open) on guarded from ${role}`);
    expect(await ask({ id: 'id' })).toMatchObject([{ message: 'The role may not read public.guarded at the primary' }]);

    await rig.both('create table hidden (id int primary key)');
    await rig.at('primary', `grant select on hidden to ${role}`);
    await rig.at('primary', 'alter table hidden enable row level security');
    expect(await ask({ id: 'id' }, 'hidden')).toMatchObject([
      { code: 'table_incomparable', message: 'Row security hides rows of public.hidden at the primary from the role that reads it' },
    ]);
    await database.close();
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/postgres/database.ts';
import { missingGrants } from '../../src/postgres/grants.ts';
import { describeTables, executeDdl } from '../../src/postgres/tables.ts';
import { freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, openDatabase, rejectionOf, rowsOf } from './postgres-fixtures.ts';

let database: Database;
let plain: Database;
const role = `plain_${process.pid}`;

beforeAll(async () => {
  const url = await freshDatabase();
  database = await migratedDatabase(url);
  await executeDdl(
    database,
    [
      'create schema "Odd.Name"',
      `create table "Odd.Name"."In voices" (
         id bigint generated always as identity, region text, amount numeric(12,2) not null default 0, tags text[],
         half numeric(12,2) generated always as (amount / 2) stored, at timestamptz, dropped integer,
         primary key (region, id))`,
      'alter table "Odd.Name"."In voices" drop column dropped',
      'create unique index by_amount on "Odd.Name"."In voices" (amount) include (at)',
      'create unique index partly on "Odd.Name"."In voices" (at) where amount > 0',
      'create unique index by_lower on "Odd.Name"."In voices" (lower(region))',
      'create table bare (x integer)',
      'create view seen as select 1 as x',
      'create table secured (id integer primary key)',
      'alter table secured enable row level security',
      `create role ${role} login`,
      `grant select on bare to ${role}`,
      `grant usage on schema farshore to ${role}`,
      `grant select on farshore.migrations to ${role}`,
    ],
    never,
  );
  plain = openDatabase(url.replace(/\/\/[^@]*@/, `//${role}@`));
});

afterAll(async () => {
  await plain.close();
  await executeDdl(database, [`drop owned by ${role}`, `drop role ${role}`], never);
  await database.close();
});

const invoices = { schema: 'Odd.Name', table: 'In voices' };
const inPublic = (table: string) => ({ schema: 'public', table });

describe('describeTables', () => {
  it('tells columns, keys and indexes of a table by its exact name', async () => {
    const [table] = await describeTables(database, [invoices], never);
    const column = { nullable: true, hasDefault: false, default: null, generated: 'no', identity: 'no' };
    expect(table).toMatchObject({ ...invoices, kind: 'table', primaryKey: ['region', 'id'], rowSecurity: false });
    expect(table?.columns).toEqual([
      { ...column, name: 'id', type: 'bigint', nullable: false, hasDefault: true, identity: 'always' },
      { ...column, name: 'region', type: 'text', nullable: false },
      { ...column, name: 'amount', type: 'numeric(12,2)', nullable: false, hasDefault: true, default: expect.any(String) },
      { ...column, name: 'tags', type: 'text[]' },
      { ...column, name: 'half', type: 'numeric(12,2)', hasDefault: true, default: expect.any(String), generated: 'stored' },
      { ...column, name: 'at', type: 'timestamp with time zone' },
    ]);
    expect(table?.uniqueIndexes).toEqual([
      { name: 'In voices_pkey', primary: true, usableAsKey: true, columns: ['region', 'id'] },
      { name: 'by_amount', primary: false, usableAsKey: true, columns: ['amount'] },
      { name: 'by_lower', primary: false, usableAsKey: false, columns: [] },
      { name: 'partly', primary: false, usableAsKey: false, columns: ['at'] },
    ]);
    expect(table?.rights).toEqual(['select', 'insert', 'update', 'delete']);
  });

  it('leaves out what does not exist and tells tables without a key, and views', async () => {
    const found = await describeTables(database, [inPublic('bare'), inPublic('BARE'), inPublic('seen'), inPublic('none')], never);
    expect(found.map(({ table, kind, primaryKey }) => ({ table, kind, primaryKey }))).toEqual([
      { table: 'bare', kind: 'table', primaryKey: [] },
      { table: 'seen', kind: 'view', primaryKey: [] },
    ]);
  });

  it('tells what this role may do, and whether rows are hidden from it', async () => {
    const found = await describeTables(plain, [inPublic('bare'), inPublic('secured')], never);
    expect(found.map(({ rights, rowSecurity }) => ({ rights, rowSecurity }))).toEqual([
      { rights: ['select'], rowSecurity: false },
      { rights: [], rowSecurity: true },
    ]);
  });
});

describe('executeDdl', () => {
  it('keeps nothing when one statement fails', async () => {
    const failure = await rejectionOf(executeDdl(database, ['create table halfway (id integer)', 'create table bare (x integer)'], never));
    expect(failure).toMatchObject({ code: 'table_mismatch', facts: { sqlState: '42P07' } });
    expect(await describeTables(database, [inPublic('halfway')], never)).toEqual([]);
  });

  it('says when the role may not', async () => {
    expect(await rejectionOf(executeDdl(plain, ['create table mine (id integer)'], never))).toMatchObject({ code: 'database_denied' });
  });
});

describe('missingGrants', () => {
  it('is empty for a role that has all', async () => {
    expect(await missingGrants(database, [invoices], never)).toEqual([]);
  });

  it('names each missing right with the command that gives it, until none is left', async () => {
    await executeDdl(database, ['revoke execute on all functions in schema farshore from public'], never);
    const missing = await missingGrants(plain, [invoices, inPublic('bare')], never);
    expect(missing).toContainEqual({
      object: 'table public.bare',
      right: 'insert',
      role,
      grant: `grant insert on "public"."bare" to "${role}";`,
    });
    expect(missing.map(({ object, right }) => `${right} on ${object}`)).toEqual(
      expect.arrayContaining([
        'usage on schema Odd.Name',
        'delete on table Odd.Name.In voices',
        'update on table farshore.apply_positions',
        expect.stringContaining('execute on function farshore.check_fence('),
      ]),
    );
    expect(missing.map(({ object }) => object)).not.toContain('table farshore.migrations');
    await executeDdl(
      database,
      missing.map(({ grant }) => grant),
      never,
    );
    expect(await missingGrants(plain, [invoices, inPublic('bare')], never)).toEqual([]);
    expect(await rowsOf(plain, 'select count(*) as n from "Odd.Name"."In voices"')).toEqual([{ n: '0' }]);
  });
});

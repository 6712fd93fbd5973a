import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FieldShape } from '../../src/apply/contracts.ts';
import type { TableEntry } from '../../src/apply/table-entry.ts';
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
    ['truncate farshore.apply_positions, farshore.tombstones, farshore.rejected_records', 'drop table if exists orders, lines, users'],
    never,
  );
});

const ddl = (...statements: readonly string[]) => executeDdl(database, statements, never);
const records = (...values: readonly (TestRecord['value'] | [string, TestRecord['value']])[]): readonly TestRecord[] =>
  values.map((value, i) =>
    Array.isArray(value)
      ? { offset: BigInt(i), schema: value[0] as string, value: value[1] as TestRecord['value'] }
      : { offset: BigInt(i), value: value as TestRecord['value'] },
  );
const record = (name: string, ...inner: readonly FieldShape[]): FieldShape => field(name, 'record', { fields: inner });

describe('columns', () => {
  const fields = [
    field('id', 'long'),
    record('customer', field('name', 'string'), record('address', field('city', 'string', { nullable: true }))),
    field('created', 'long'),
    field('price', 'double'),
    field('flag', 'int'),
    field('tags', 'array'),
    field('secret', 'string'),
  ];
  const entry: TableEntry = {
    topic: 'orders',
    columns: {
      customer_name: 'customer.name',
      city: 'customer.address.city',
      created_at: { field: 'created', cast: 'epoch-millis' },
      price: { field: 'price', cast: 'numeric' },
      flag: { field: 'flag', cast: 'boolean' },
      region: { value: 'eu-west' },
      raw: { document: true },
    },
    ignore: ['secret'],
  };

  it('come from paths, casts, constants, arrays and the whole record', async () => {
    await ddl(
      `create table orders (id bigint primary key, customer_name text, city text, created_at timestamptz, price numeric(8,2), flag boolean,
                            tags text[], region text, raw jsonb, farshore_version bytea)`,
    );
    const partition = await appliedPartition(database, [entry], { 1: fields });
    const value = {
      id: 7n,
      customer: { name: 'Ada', address: { city: 'Bergen' } },
      created: 1_700_000_000_123n,
      price: 12.345,
      flag: 1,
      tags: ['a', 'b"c'],
      secret: 's',
    };
    await partition.apply(records(value, { ...value, id: 8n, customer: { name: 'Bo', address: { city: null } }, flag: 0, created: -1n }));
    const rows = await rowsOf(
      database,
      `select customer_name, city, created_at at time zone 'UTC' as created_at, price, flag, tags, region, raw->'customer'->>'name' as raw from orders order by id`,
    );
    expect(rows).toEqual([
      {
        customer_name: 'Ada',
        city: 'Bergen',
        created_at: '2023-11-14 22:13:20.123',
        price: '12.35',
        flag: 't',
        tags: '{a,"b\\"c"}',
        region: 'eu-west',
        raw: 'Ada',
      },
      {
        customer_name: 'Bo',
        city: null,
        created_at: '1969-12-31 23:59:59.999',
        price: '12.35',
        flag: 'f',
        tags: '{a,"b\\"c"}',
        region: 'eu-west',
        raw: 'Bo',
      },
    ]);
  });

  it('that cannot be cast keep the record out, with the column in the reason', async () => {
    await ddl(
      `create table orders (id bigint primary key, customer_name text, city text, created_at timestamptz, price numeric, flag boolean,
                            tags text[], region text, raw jsonb, farshore_version bytea)`,
    );
    const partition = await appliedPartition(database, [entry], { 1: fields });
    const value = { id: 7n, customer: { name: 'A', address: { city: 'x' } }, created: 1n, price: 1, flag: 1, tags: [], secret: 's' };
    const { rejected } = await partition.apply(records({ ...value, flag: 7 }, value));
    expect(rejected).toEqual(['0 record_unmappable']);
    expect(await rowsOf(database, 'select id from orders')).toEqual([{ id: '7' }]);
  });

  it('outside the allow-list are left alone and counted, field by field', async () => {
    await ddl('create table users (id bigint primary key, name text, iban text, farshore_version bytea)');
    const shape = [field('id', 'long'), field('name', 'string'), field('iban', 'string'), field('extra', 'string')];
    const partition = await appliedPartition(database, [{ topic: 'users', allow: ['name'] }], { 1: shape });
    await ddl(`insert into users values (1, 'old', 'kept', null)`);
    const value = { id: 1n, name: 'new', iban: 'stolen', extra: 'x' };
    const { counts } = await partition.apply(records(value, { ...value, id: 2n }));
    expect(await rowsOf(database, 'select id, name, iban from users order by id')).toEqual([
      { id: '1', name: 'new', iban: 'kept' },
      { id: '2', name: 'new', iban: null },
    ]);
    expect(Object.fromEntries(counts[0]!.notAllowed)).toEqual({ iban: 2, extra: 2 });
  });
});

describe('deletes', () => {
  const fields = [field('id', 'long'), field('name', 'string'), field('at', 'long', { nullable: true }), field('gone', 'boolean')];
  const entry: TableEntry = { topic: 'users', version: ['at'], deleteWhen: { field: 'gone', in: [true] } };
  const user = (name: string, at: bigint | null, gone = false) => ({ id: 1n, name, at, gone });
  const users = () => rowsOf(database, 'select name from users');

  it('C4: with a version lose to a higher one that came before, and block a lower one that comes later', async () => {
    await ddl('create table users (id bigint primary key, name text, at bigint, farshore_version bytea)');
    const partition = await appliedPartition(database, [entry], { 1: fields });
    const one = (offset: bigint, value: TestRecord['value']) => partition.apply([{ offset, value }]);
    await one(0n, user('five', 5n));
    await one(1n, user('', 3n, true));
    expect(await users()).toEqual([{ name: 'five' }]);
    await one(2n, user('', 7n, true));
    expect(await users()).toEqual([]);
    await one(3n, user('late', 6n));
    expect(await users()).toEqual([]);
    await one(4n, user('eight', 8n));
    expect(await users()).toEqual([{ name: 'eight' }]);
    // A null value goes by the log, and what the version forbade before stays forbidden.
    await partition.apply([{ offset: 5n, key: '1', value: null }]);
    await one(6n, user('late again', 6n));
    expect(await users()).toEqual([]);
  });

  it.each([[3], [2, 1], [1, 2], [1, 1, 1]])(
    'C4: by a null value and by a version leave nothing however the log is cut into batches (%s)',
    async (...sizes) => {
      for (const [first, second] of [
        ['null', 'version'],
        ['version', 'null'],
      ]) {
        await ddl('drop table if exists users', 'create table users (id bigint primary key, name text, at bigint, farshore_version bytea)');
        await ddl('truncate farshore.tombstones, farshore.apply_positions');
        const partition = await appliedPartition(database, [entry], { 1: fields });
        const gone = (kind: string | undefined, offset: bigint): TestRecord =>
          kind === 'null' ? { offset, key: '1', value: null } : { offset, value: user('', 150n, true) };
        const log: readonly TestRecord[] = [{ offset: 0n, value: user('stands', 200n) }, gone(first, 1n), gone(second, 2n)];
        let at = 0;
        for (const size of sizes) {
          await partition.apply(log.slice(at, at + size));
          at += size;
        }
        expect([first, await users()]).toEqual([first, []]);
        // What the version forbids stays forbidden, and what it does not is a row again.
        await partition.apply([{ offset: 3n, value: user('older', 120n) }]);
        expect([first, await users()]).toEqual([first, []]);
        await partition.apply([{ offset: 4n, value: user('newer', 160n) }]);
        expect([first, await users()]).toEqual([first, [{ name: 'newer' }]]);
      }
    },
  );

  it('may set a column instead: the row stays, and a later state restores it', async () => {
    await ddl('create table users (id bigint primary key, name text, at bigint, deleted_at timestamptz, farshore_version bytea)');
    const partition = await appliedPartition(database, [{ ...entry, softDelete: 'deleted_at' }], { 1: fields });
    const shown = () => rowsOf(database, `select name, deleted_at at time zone 'UTC' as deleted_at from users`);
    await partition.apply([{ offset: 0n, value: user('a', 1n) }]);
    await partition.apply([{ offset: 1n, value: user('ignored', 2n, true), timestampMs: 1_700_000_000_000 }]);
    expect(await shown()).toEqual([{ name: 'a', deleted_at: '2023-11-14 22:13:20' }]);
    await partition.apply([{ offset: 2n, value: user('late', 1n) }]);
    expect(await shown()).toEqual([{ name: 'a', deleted_at: '2023-11-14 22:13:20' }]);
    await partition.apply([{ offset: 3n, value: user('back', 3n) }]);
    expect(await shown()).toEqual([{ name: 'back', deleted_at: null }]);
    await partition.apply([{ offset: 4n, key: '1', value: null, timestampMs: 1_700_000_001_000 }]);
    expect(await shown()).toEqual([{ name: 'back', deleted_at: '2023-11-14 22:13:21' }]);
  });
});

describe('routes', () => {
  it('of one topic go to several tables, each with its own share of the record; one that is bad for one of them is kept for both', async () => {
    await ddl(
      'create table orders (id bigint primary key, total integer, farshore_version bytea)',
      'create table lines (id bigint primary key, note varchar(3), farshore_version bytea)',
    );
    const entries: readonly TableEntry[] = [
      { topic: 'shop', table: 'public.orders', allow: ['total'] },
      { topic: 'shop', table: 'public.lines', columns: { note: { field: 'note', cast: 'text' } }, allow: ['note'] },
    ];
    const shape = [field('id', 'long'), field('total', 'int'), field('note', 'string')];
    const partition = await appliedPartition(database, entries, { 1: shape });
    const { rejected, counts } = await partition.apply(
      records({ id: 1n, total: 10, note: 'a' }, { id: 2n, total: 20, note: 'b\0' }, { id: 3n, total: 30, note: 'c' }),
    );
    expect(rejected).toEqual(['1 22021']);
    expect(counts.map(({ table, upserts }) => [table, upserts])).toEqual([
      ['public.orders', 2],
      ['public.lines', 2],
    ]);
    expect(await rowsOf(database, 'select o.id, total, note from orders o join lines l using (id) order by 1')).toEqual([
      { id: '1', total: '10', note: 'a' },
      { id: '3', total: '30', note: 'c' },
    ]);
    await partition.apply([{ offset: 3n, key: '1', value: null }]);
    expect(await rowsOf(database, 'select o.id from orders o full join lines l using (id)')).toEqual([{ id: '3' }]);
  });

  it('by event type take their records, and those that nobody takes are counted', async () => {
    await ddl(
      'create table orders (id bigint primary key, farshore_version bytea)',
      'create table lines (id bigint primary key, farshore_version bytea)',
    );
    const entries: readonly TableEntry[] = [
      { topic: 'shop', table: 'public.orders', only: { field: 'type', in: ['order'] } },
      { topic: 'shop', table: 'public.lines', only: { field: 'type', in: ['line', 'row'] } },
    ];
    const partition = await appliedPartition(database, entries, { 1: [field('id', 'long'), field('type', 'string')] });
    const { unrouted } = await partition.apply(
      records({ id: 1n, type: 'order' }, { id: 2n, type: 'line' }, { id: 3n, type: 'ping' }, { id: 4n, type: 'row' }),
    );
    expect(unrouted).toBe(1);
    expect(await rowsOf(database, `select 'o' as t, id from orders union all select 'l', id from lines order by id`)).toEqual([
      { t: 'o', id: '1' },
      { t: 'l', id: '2' },
      { t: 'l', id: '4' },
    ]);
  });

  it('of several topics lead to one table by a source version, and a null value, which knows no version, is kept out', async () => {
    await ddl('create table users (id bigint primary key, name text, at bigint, farshore_version bytea)');
    const shape = [field('id', 'long'), field('name', 'string'), field('at', 'long')];
    const entries: readonly TableEntry[] = ['crm.users', 'shop.users'].map((topic) => ({ topic, table: 'public.users', version: ['at'] }));
    const [crm, shop] = await Promise.all(entries.map(({ topic }) => appliedPartition(database, entries, { 1: shape }, { topic })));
    await crm!.apply([{ offset: 900n, value: { id: 1n, name: 'crm', at: 5n } }]);
    await shop!.apply([
      { offset: 3n, value: { id: 1n, name: 'shop', at: 6n } },
      { offset: 4n, value: { id: 1n, name: 'old', at: 4n } },
    ]);
    expect(await rowsOf(database, 'select name from users')).toEqual([{ name: 'shop' }]);
    expect((await crm!.apply([{ offset: 901n, key: '1', value: null }])).rejected).toEqual(['901 record_unmappable']);
  });
});

describe('preset debezium', () => {
  const row = [field('id', 'long'), field('name', 'string', { nullable: true }), field('bio', 'string', { nullable: true })];
  const shape = [record('before', ...row), record('after', ...row), field('op', 'string'), record('source', field('lsn', 'long'))];
  const change = (op: string, lsn: bigint, after: object | null, before: object | null = null) =>
    ({ before, after, op, source: { lsn } }) as never;

  it('reads the envelope: states, deletes by their version, and a value the database did not send stays', async () => {
    await ddl('create table users (id bigint primary key, name text, bio text, farshore_version bytea, farshore_units jsonb)');
    const partition = await appliedPartition(database, [{ topic: 'users', preset: 'debezium', version: ['source.lsn'] }], { 1: shape });
    const { unrouted } = await partition.apply(
      records(
        change('r', 10n, { id: 1n, name: 'a', bio: 'long text' }),
        change('c', 11n, { id: 2n, name: 'b', bio: null }),
        change('u', 12n, { id: 1n, name: 'a2', bio: '__debezium_unavailable_value' }),
        change('d', 13n, null, { id: 2n, name: 'b', bio: null }),
        change('m', 14n, null),
      ),
    );
    expect(unrouted).toBe(1);
    await partition.apply([{ offset: 5n, key: '2', value: null }]);
    await partition.apply([{ offset: 6n, value: change('u', 12n, { id: 2n, name: 'late', bio: null }) }]);
    expect(await rowsOf(database, 'select id, name, bio from users order by id')).toEqual([{ id: '1', name: 'a2', bio: 'long text' }]);
  });

  it('says what the schema lacks', async () => {
    await ddl('create table users (id bigint primary key, farshore_version bytea)');
    const partition = await appliedPartition(database, [{ topic: 'users', preset: 'debezium' }], { 1: [field('id', 'long')] });
    expect(await rejectionOf(partition.apply(records({ id: 1n })))).toMatchObject({
      code: 'table_unmappable',
      message: expect.stringContaining('no record field `after`'),
    });
  });
});

describe('preset dionysus', () => {
  const model = [
    field('id', 'long'),
    field('created_at', 'string'),
    field('updated_at', 'long'),
    field('canceled_at', 'string', { nullable: true }),
    field('title', 'string'),
  ];
  const shape = [field('event', 'string'), field('model_name', 'string'), record('data', ...model)];
  const event = (what: string, updated: bigint, title: string, canceled: string | null = null) =>
    ({
      event: `note_${what}`,
      model_name: 'Note',
      data: { id: 4n, created_at: '2026-01-01T00:00:00Z', updated_at: updated, canceled_at: canceled, title },
    }) as never;

  it('keeps its own columns, the whole payload, and soft deletes that an update restores unless the model is canceled', async () => {
    await ddl(
      `create table users (id bigint generated by default as identity primary key, synced_id bigint unique, synced_created_at timestamptz,
                           synced_updated_at bigint, synced_data jsonb, synced_deleted_at timestamptz, title text, farshore_version bytea)`,
    );
    const partition = await appliedPartition(database, [{ topic: 'notes', table: 'public.users', preset: 'dionysus' }], { 1: shape });
    const shown = async () =>
      (
        await rowsOf(database, `select synced_id, title, synced_data->>'title' as data, synced_deleted_at is not null as gone from users`)
      )[0];
    const one = (offset: bigint, value: never) => partition.apply([{ offset, value, timestampMs: 1 }]);
    await one(0n, event('created', 1n, 'a'));
    expect(await shown()).toEqual({ synced_id: '4', title: 'a', data: 'a', gone: 'f' });
    await one(1n, event('destroyed', 3n, 'a'));
    await one(2n, event('updated', 2n, 'late'));
    expect(await shown()).toEqual({ synced_id: '4', title: 'a', data: 'a', gone: 't' });
    await one(3n, event('updated', 4n, 'b'));
    expect(await shown()).toEqual({ synced_id: '4', title: 'b', data: 'b', gone: 'f' });
    await one(4n, event('updated', 5n, 'c', '2026-02-01T00:00:00Z'));
    expect(await shown()).toEqual({ synced_id: '4', title: 'c', data: 'c', gone: 't' });
    expect((await one(5n, event('viewed', 6n, 'd'))).unrouted).toBe(1);
  });
});

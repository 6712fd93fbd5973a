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
    [
      'truncate farshore.apply_positions, farshore.tombstones, farshore.rejected_records',
      'drop table if exists people',
      `create table people (id bigint primary key, name text default 'nobody', email text, phone text, at bigint, changed text,
                            farshore_version bytea, farshore_units jsonb)`,
    ],
    never,
  );
});

const fields: readonly FieldShape[] = [
  field('id', 'long'),
  field('name', 'string', { nullable: true }),
  field('email', 'string', { nullable: true }),
  field('phone', 'string', { nullable: true }),
  field('at', 'long', { nullable: true }),
];
const masked = [...fields, field('changed', 'array')];
const people = async () =>
  (await rowsOf(database, 'select id, name, email, phone, farshore_units as units from people order by id')).map(
    ({ id, name, email, phone, units }) =>
      [
        id,
        name,
        email,
        phone,
        units === null
          ? 'whole'
          : Object.keys(JSON.parse(String(units)) as object)
              .sort()
              .join(),
      ] as const,
  );

describe('C17: partial records', () => {
  const entry: TableEntry = { topic: 'people', version: ['at'], partial: { mask: 'changed' } };
  const set = (
    offset: bigint,
    id: bigint,
    at: bigint,
    values: Record<string, string | null>,
    more: Partial<TestRecord> = {},
  ): TestRecord => ({
    offset,
    value: { id, name: null, email: null, phone: null, at, ...values, changed: [...Object.keys(values), 'at'] },
    ...more,
  });
  const opened = () => appliedPartition(database, [entry], { 1: masked });

  it('leave alone what they do not set, clear what they set to null, and insert with the columns’ defaults', async () => {
    const partition = await opened();
    await partition.apply([set(0n, 1n, 1n, { name: 'a', email: 'a@x', phone: '1' }), set(1n, 2n, 1n, { email: 'b@x' })]);
    await partition.apply([set(2n, 1n, 2n, { email: null }), set(3n, 2n, 2n, { phone: '2' })]);
    expect(await people()).toEqual([
      ['1', 'a', null, '1', ',at,email'],
      ['2', 'nobody', 'b@x', '2', ',at,email,phone'],
    ]);
  });

  it('of one key in one batch are merged in the order of their versions, not of their arrival', async () => {
    const partition = await opened();
    await partition.apply([
      set(0n, 1n, 5n, { email: 'new' }),
      set(1n, 1n, 3n, { email: 'old', name: 'late' }),
      set(2n, 1n, 4n, { phone: '4' }),
    ]);
    expect(await people()).toEqual([['1', 'late', 'new', '4', ',at,email,name,phone']]);
  });

  it('that come late set what nobody set since, and nothing else: no field is lost with its row’s version', async () => {
    const partition = await opened();
    await partition.apply([set(0n, 1n, 1n, { name: 'a', email: 'a@x', phone: '1' })]);
    await partition.apply([set(1n, 1n, 5n, { email: 'five' })]);
    const late = await partition.apply([set(2n, 1n, 3n, { email: 'three', name: 'three' })]);
    expect(late.counts).toMatchObject([{ upserts: 1, stale: 0 }]);
    expect((await people())[0]?.slice(0, 4)).toEqual(['1', 'three', 'five', '1']);
    const stale = await partition.apply([set(3n, 1n, 2n, { email: 'two', name: 'two' })]);
    expect(stale.counts).toMatchObject([{ upserts: 0, stale: 1 }]);
    expect((await people())[0]?.slice(0, 4)).toEqual(['1', 'three', 'five', '1']);
  });

  it('that set everything leave nothing to remember beside the row’s version', async () => {
    const partition = await opened();
    await partition.apply([set(0n, 1n, 1n, { email: 'x' })]);
    await partition.apply([set(1n, 1n, 2n, { name: 'a', email: 'b', phone: 'c' })]);
    expect(await people()).toEqual([['1', 'a', 'b', 'c', 'whole']]);
  });

  it('again are duplicates', async () => {
    const partition = await opened();
    const records = [set(0n, 1n, 1n, { name: 'a' }), set(1n, 2n, 1n, { email: 'b' })];
    await partition.apply(records);
    expect((await partition.apply(records)).counts).toMatchObject([{ upserts: 0, stale: 0, duplicates: 2 }]);
  });

  it('that set nothing but the key say that the row is there, and take nothing from one that is', async () => {
    const partition = await opened();
    const nothing = (offset: bigint, id: bigint, at: bigint): TestRecord => ({
      ...set(offset, id, at, {}),
      value: { id, name: null, email: null, phone: null, at, changed: [] },
    });
    const first = await partition.apply([nothing(0n, 1n, 1n), set(1n, 2n, 1n, { email: 'b@x' })]);
    expect(first.counts).toMatchObject([{ upserts: 2, stale: 0 }]);
    await partition.apply([nothing(2n, 2n, 9n), nothing(3n, 1n, 9n)]);
    // Late, but above the one that set something, and with nothing newer in its way.
    await partition.apply([set(4n, 2n, 5n, { email: 'five', phone: '5' }), set(5n, 1n, 5n, { name: 'a' })]);
    expect((await people()).map((row) => row.slice(0, 4))).toEqual([
      ['1', 'a', null, null],
      ['2', 'nobody', 'five', '5'],
    ]);
  });

  it('of a table that is all key are rows: preset debezium wrote none of them', async () => {
    await executeDdl(
      database,
      [
        'drop table if exists members',
        'create table members (team bigint, person bigint, farshore_version bytea, farshore_units jsonb, primary key (team, person))',
      ],
      never,
    );
    const row = [field('team', 'long'), field('person', 'long')];
    const envelope = [
      { ...field('before', 'record', { nullable: true }), fields: row },
      { ...field('after', 'record', { nullable: true }), fields: row },
      field('op', 'string'),
    ];
    const partition = await appliedPartition(database, [{ topic: 'people', table: 'members', preset: 'debezium' }], { 1: envelope });
    const event = (offset: bigint, op: string, person: bigint): TestRecord => {
      const state = { team: 1n, person };
      return { offset, value: { before: op === 'd' ? state : null, after: op === 'd' ? null : state, op } };
    };
    await partition.apply([event(0n, 'c', 1n), event(1n, 'c', 2n), event(2n, 'd', 1n)]);
    await partition.apply([event(3n, 'r', 3n), event(4n, 'u', 2n)]);
    expect(await rowsOf(database, 'select person from members order by person')).toEqual([{ person: '2' }, { person: '3' }]);
  });

  it('do not need a NOT NULL column that they do not set, where the row is there', async () => {
    await executeDdl(database, [`alter table people alter column phone set not null, alter column phone set default ''`], never);
    const partition = await opened();
    await partition.apply([set(0n, 1n, 1n, { name: 'a', email: 'a@x', phone: '1' })]);
    await executeDdl(database, ['alter table people alter column phone drop default'], never);
    const later = await opened();
    await later.apply([set(1n, 1n, 2n, { email: 'b@x' })]);
    expect((await people())[0]?.slice(0, 4)).toEqual(['1', 'a', 'b@x', '1']);
  });

  it('C4: after a delete begin a new row, and a late one revives nothing', async () => {
    const partition = await opened();
    await partition.apply([set(0n, 1n, 1n, { name: 'a', email: 'a@x' }), { offset: 1n, key: '1', value: null }]);
    expect(await people()).toEqual([]);
    await partition.apply([set(0n, 1n, 1n, { name: 'a', email: 'a@x' })]);
    expect(await people()).toEqual([]);
    await partition.apply([set(2n, 1n, 9n, { phone: '9' })]);
    expect((await people())[0]?.slice(0, 4)).toEqual(['1', 'nobody', null, '9']);
  });

  it('of a row that does not exist are refused where the entry says so, by a code of their own', async () => {
    const refusing = await appliedPartition(database, [{ ...entry, partial: { mask: 'changed', unknownRow: 'reject' } }], { 1: masked });
    const refused = await rejectionOf(refusing.apply([set(0n, 1n, 1n, { name: 'a' })]));
    expect(refused).toMatchObject({ code: 'row_unknown', facts: { sqlState: 'FS003' } });
    await refusing.apply([set(0n, 1n, 1n, { name: 'a', email: 'a@x', phone: '1' })]);
    await refusing.apply([set(1n, 1n, 2n, { name: 'b' })]);
    expect((await people())[0]?.slice(0, 4)).toEqual(['1', 'b', 'a@x', '1']);
  });
});

describe('partial records by other signs', () => {
  it('an absent field stays, null clears (`Absent`)', async () => {
    const absent = fields.map((one) => (one.name === 'id' || one.name === 'at' ? one : { ...one, mayBeAbsent: true }));
    const partition = await appliedPartition(database, [{ topic: 'people', version: ['at'], partial: { absent: true } }], { 1: absent });
    await partition.apply([{ offset: 0n, value: { id: 1n, name: 'a', email: 'b', phone: 'c', at: 1n } }]);
    await partition.apply([{ offset: 1n, value: { id: 1n, email: null, at: 2n } }]);
    expect((await people())[0]?.slice(0, 4)).toEqual(['1', 'a', null, 'c']);
  });

  it('null stays, and what is listed as cleared becomes null', async () => {
    const entry: TableEntry = { topic: 'people', version: ['at'], partial: { nulls: 'absent', cleared: 'changed' } };
    const partition = await appliedPartition(database, [entry], { 1: masked });
    const value = { id: 1n, name: 'a', email: 'b', phone: 'c', at: 1n, changed: [] };
    await partition.apply([{ offset: 0n, value }]);
    await partition.apply([{ offset: 1n, value: { ...value, name: 'z', email: null, phone: null, at: 2n, changed: ['phone'] } }]);
    expect((await people())[0]?.slice(0, 4)).toEqual(['1', 'z', 'b', null]);
  });

  it('a schema with `Absent` and an entry that says nothing of it is refused, not taken for null', async () => {
    const absent = fields.map((one) => (one.name === 'email' ? { ...one, mayBeAbsent: true } : one));
    const partition = await appliedPartition(database, [{ topic: 'people', version: ['at'] }], { 1: absent });
    const refused = await rejectionOf(partition.apply([{ offset: 0n, value: { id: 1n, at: 1n } }]));
    expect(refused).toMatchObject({ code: 'table_unmappable', hint: expect.stringContaining('partial: { absent: true }') });
  });
});

describe('groups', () => {
  const grouped = [...fields, field('contact_at', 'long', { nullable: true })];
  const entry: TableEntry = {
    topic: 'people',
    version: ['at'],
    ignore: ['contact_at'],
    groups: { contact: { fields: ['email', 'phone'], version: 'contact_at' } },
  };
  const person = (
    offset: bigint,
    at: bigint,
    name: string,
    contactAt: bigint | null,
    email: string | null,
    phone: string | null,
  ): TestRecord => ({
    offset,
    value: { id: 1n, name, email, phone, at, contact_at: contactAt },
  });

  it('move by their own version, each way, in one batch or in several', async () => {
    for (const together of [true, false]) {
      await executeDdl(database, ['truncate people'], never);
      const partition = await appliedPartition(database, [entry], { 1: grouped });
      const records = [
        person(0n, 5n, 'five', 1n, 'one', '1'),
        person(1n, 3n, 'three', 4n, 'four', null),
        person(2n, 6n, 'six', null, 'none', 'none'),
      ];
      if (together) await partition.apply(records);
      else for (const record of records) await partition.apply([record]);
      // The contact is that of its version 4, null phone and all; one without a version leaves it alone.
      expect((await people())[0]?.slice(0, 4)).toEqual(['1', 'six', 'four', null]);
    }
  });

  it('in partial records leave alone the columns that the record does not set', async () => {
    const partial: TableEntry = { ...entry, partial: { mask: 'changed' }, ignore: ['contact_at'] };
    const partition = await appliedPartition(database, [partial], { 1: [...grouped, field('changed', 'array')] });
    const value = {
      id: 1n,
      name: 'a',
      email: 'e',
      phone: 'p',
      at: 1n,
      contact_at: 1n,
      changed: ['name', 'email', 'phone', 'at', 'contact_at'],
    };
    await partition.apply([{ offset: 0n, value }]);
    await partition.apply([
      { offset: 1n, value: { ...value, email: 'e2', phone: 'never', at: 2n, contact_at: 2n, changed: ['email', 'contact_at'] } },
    ]);
    expect((await people())[0]?.slice(0, 4)).toEqual(['1', 'a', 'e2', 'p']);
  });
});

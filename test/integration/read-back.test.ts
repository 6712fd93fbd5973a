import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ReadBackSamples } from '../../src/apply/read-back-sample.ts';
import { readBackStatement } from '../../src/apply/read-back-statement.ts';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import type { Database } from '../../src/postgres/database.ts';
import { executeDdl } from '../../src/postgres/tables.ts';
import { freshDatabase } from '../rig/context.ts';
import { field } from '../unit/apply/log-double.ts';
import { appliedPartition } from './apply-rig.ts';
import { migratedDatabase, never } from './postgres-fixtures.ts';

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
    'drop table if exists orders',
    `create table orders (id bigint, place varchar(8), price numeric(8,2), at timestamptz, tags text[], raw json, blob bytea, ratio double precision,
                          note char(4), farshore_version bytea, primary key (place, id))`,
  );
});

const entry: TableEntry = { topic: 'orders', columns: { raw: { document: true } } };
const fields = [
  field('id', 'long'),
  field('place', 'string'),
  field('price', 'double'),
  field('at', 'string', { logical: 'timestamp-micros' }),
  field('tags', 'array'),
  field('blob', 'bytes'),
  field('ratio', 'double'),
  field('note', 'string'),
];
const order = (id: bigint, changes = {}) => ({
  id,
  place: 'Oslo',
  price: 12.345,
  at: '2026-01-02 03:04:05.678Z',
  tags: ['a', 'b"c'],
  blob: Buffer.from([0, 255]),
  ratio: Number.NaN,
  note: 'x',
  ...changes,
});

/** Applies orders 1 to 3 as offsets from `from`, and answers what reading them back says. */
async function applied(from = 0n, table = entry) {
  const partition = await appliedPartition(database, [table], { 1: fields });
  const { folds, rejected } = await partition.apply([1n, 2n, 3n].map((id, at) => ({ offset: from + BigInt(at), value: order(id) })));
  expect(rejected).toEqual([]);
  const samples = new ReadBackSamples(10, () => 0);
  samples.offer(folds);
  const taken = samples.take();
  return {
    partition,
    readBack: async () =>
      (await Promise.all(taken.map((sample) => database.query(readBackStatement(sample), never)))).flatMap(({ rows }) =>
        rows.map(({ key, kind, columns }) => `${kind} ${key} ${columns}`),
      ),
  };
}

describe('rows that were just applied, read back', () => {
  it('are what was written, whatever their columns’ types make of the values', async () => {
    const { readBack } = await applied();
    expect(await readBack()).toEqual([]);
  });

  it.each([
    ['a rogue update', `update orders set price = 99 where id = 2`, ['changed ["Oslo", 2] ["price"]']],
    ['several columns', `update orders set tags = '{a}', note = null where id = 2`, ['changed ["Oslo", 2] ["tags","note"]']],
    ['a rogue delete', `delete from orders where id = 3`, ['missing ["Oslo", 3] []']],
    ['truncation', `truncate orders`, ['missing ["Oslo", 1] []', 'missing ["Oslo", 2] []', 'missing ["Oslo", 3] []']],
    ['a key that was changed', `update orders set place = 'Rome' where id = 1`, ['missing ["Oslo", 1] []']],
    ['a document', `update orders set raw = '{}' where id = 1`, ['changed ["Oslo", 1] ["raw"]']],
    ['bytes', `update orders set blob = '\\x00fe' where id = 1`, ['changed ["Oslo", 1] ["blob"]']],
    [
      'a version that was taken away',
      `update orders set farshore_version = null, price = 0 where id = 1`,
      ['reverted ["Oslo", 1] ["price"]'],
    ],
  ])('show %s', async (_, statement, found) => {
    const { readBack } = await applied();
    await ddl(statement);
    expect(await readBack()).toEqual(found);
  });

  it('show a trigger that changes what apply writes', async () => {
    await ddl(
      `create or replace function shout() returns trigger language plpgsql as $$ begin new.note := 'LOUD'; return new; end $$`,
      'create trigger shout before insert on orders for each row execute function shout()',
    );
    const { readBack } = await applied();
    expect((await readBack())[0]).toBe('changed ["Oslo", 1] ["note"]');
  });

  it('are no finding once the stream has moved them on: a later state, a delete, a delete and an older state again', async () => {
    const { partition, readBack } = await applied();
    await partition.apply([{ offset: 10n, value: order(1n, { price: 1 }) }]);
    await partition.apply([{ offset: 11n, key: 'Oslo', value: null }]).catch(() => undefined);
    await ddl(
      `insert into farshore.tombstones (table_name, key, version) select 'public.orders', '["Oslo", 2]', farshore_version from orders where id = 2`,
      'delete from orders where id = 2',
    );
    expect(await readBack()).toEqual([]);
  });

  it('are a finding when a tombstone is older than the row that is gone', async () => {
    const { readBack } = await applied();
    await ddl(
      `insert into farshore.tombstones (table_name, key, version) values ('public.orders', '["Oslo", 2]', decode(repeat('00', 17), 'hex'))`,
      'delete from orders where id = 2',
    );
    expect(await readBack()).toEqual(['missing ["Oslo", 2] []']);
  });
});

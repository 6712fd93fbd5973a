import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/postgres/database.ts';
import { rejectedStore } from '../../src/postgres/rejected-store.ts';
import { freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

let database: Database;

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});

afterAll(async () => {
  await database.close();
});

beforeEach(async () => {
  await database.query({ text: 'truncate farshore.rejected_records, farshore.operator_actions', values: [] }, never);
});

/** `count` records at `from` and after it, first seen long ago and last seen `hours` ago. */
const keep = async (from: number, count: number, hours: number, table = 'public.invoices') =>
  await rowsOf(
    database,
    `insert into farshore.rejected_records (topic, partition, topic_id, record_offset, table_name, home_epoch, generation, timestamp_ms,
       headers, header_count, reason, message, first_seen, last_seen)
     select 'billing.invoices', 0, '00000000-0000-4000-8000-000000000001', o, $4, 1, 1, 0, '', 0, 'row_refused', 'refused',
            clock_timestamp() - interval '90 days', clock_timestamp() - make_interval(hours => $3::integer)
       from generate_series($1::bigint, $1::bigint + $2::bigint - 1) as o`,
    [from, count, hours, table],
  );

const offsets = async () =>
  (await rowsOf(database, 'select record_offset as o from farshore.rejected_records order by 1')).map(({ o }) => o);

describe('the retention of rejected records', () => {
  it('deletes those last seen so long ago, at most so many at a time, and keeps what was tried since', async () => {
    await keep(10, 5, 30 * 24 + 1);
    await keep(20, 2, 30 * 24 - 1);
    const store = rejectedStore(database);
    expect(await store.expire(30, 3, never)).toBe(3);
    expect(await offsets()).toEqual(['13', '14', '20', '21']);
    expect(await store.expire(30, 3, never)).toBe(2);
    expect(await store.expire(30, 3, never)).toBe(0);
    expect(await offsets()).toEqual(['20', '21']);
  });

  it('leaves behind which offsets were given up, and by what', async () => {
    await keep(10, 5, 31 * 24);
    await rejectedStore(database).expire(30, 1_000, never);
    const actions = await rowsOf(
      database,
      'select by, action, stage, topic, partition, lost_from, lost_to, options from farshore.operator_actions',
    );
    expect(actions).toEqual([
      {
        by: 'rejected.retention',
        action: 'expire',
        stage: 'apply',
        topic: 'billing.invoices',
        partition: '0',
        lost_from: '10',
        lost_to: '15',
        options: '{"days": "30", "records": "5"}',
      },
    ]);
  });

  it('counts what is kept, by table', async () => {
    await keep(10, 5, 1);
    await keep(20, 2, 1, 'public.accounts');
    expect(await rejectedStore(database).counts(never)).toEqual([
      { table: 'public.accounts', records: 2, parked: 0 },
      { table: 'public.invoices', records: 5, parked: 0 },
    ]);
  });
});

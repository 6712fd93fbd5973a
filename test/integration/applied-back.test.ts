import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { appliedBack } from '../../src/postgres/applied-back.ts';
import type { Database } from '../../src/postgres/database.ts';
import { freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, openDatabase, rowsOf } from './postgres-fixtures.ts';

let database: Database;
const EPOCH = 2n;
const wanted = [
  { topic: 'orders', partition: 0, end: 40n },
  { topic: 'orders', partition: 1, end: 7n },
];
const notApplied = async () => await appliedBack(database).notApplied(wanted, EPOCH, never);
const positions = async (...next: readonly number[]) => {
  for (const [partition, offset] of next.entries())
    await rowsOf(
      database,
      'insert into farshore.apply_positions (topic, partition, topic_id, next_offset, epoch) values ($1, $2, gen_random_uuid(), $3, 1)',
      ['orders', partition, offset],
    );
};
const kept = async (offset: number, homeEpoch: number, waitsFor: string | null) =>
  await rowsOf(
    database,
    `insert into farshore.rejected_records
       (topic, partition, topic_id, record_offset, table_name, home_epoch, generation, timestamp_ms, headers, header_count, reason, message, waits_for)
     values ('orders', 0, gen_random_uuid(), $1, 'public.orders', $2, 1, 0, '', 0, 'value_too_long', 'no', $3)`,
    [offset, homeEpoch, waitsFor],
  );

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});
afterAll(async () => {
  await database.close();
});
beforeEach(async () => {
  await rowsOf(database, 'truncate farshore.apply_positions, farshore.rejected_records, farshore.partition_stops');
});

describe('what the primary’s database applied of what came back', () => {
  it('C25: is everything once each position is at its end', async () => {
    await positions(40, 9);
    expect(await notApplied()).toEqual([]);
  });

  it('C25: is told by partition where it is behind, or was never begun', async () => {
    await positions(39);
    expect(await notApplied()).toEqual([
      "the primary's database applied orders:0 to 39, and it ends at 40",
      "the primary's database applied orders:1 to no position, and it ends at 7",
    ]);
  });

  it('C25: is not all where records were parked, or rejected since the region became home, or apply stands', async () => {
    await positions(40, 7);
    await kept(1, 1, null);
    expect(await notApplied()).toEqual([]);
    await kept(20, 2, null);
    await kept(21, 2, 'public.customers');
    await rowsOf(
      database,
      `insert into farshore.partition_stops (stage, topic, partition, state, code, message)
       values ('apply', 'orders', 1, 'paused', 'paused', 'ada'), ('mirror', 'orders', 0, 'paused', 'paused', 'ada')`,
    );
    expect(await notApplied()).toEqual([
      '1 records that came back are parked at the primary',
      '1 records that came back were rejected at the primary',
      'at the primary, apply of orders:1 is paused, paused',
    ]);
  });

  it('C25: cannot be known of a database into which no daemon applies, which is no reason to open it', async () => {
    const bare = openDatabase(await freshDatabase());
    try {
      expect(await appliedBack(bare).notApplied(wanted, EPOCH, never)).toEqual([expect.stringContaining('could not be read')]);
      expect(await appliedBack(bare).notApplied([], EPOCH, never)).toEqual([]);
    } finally {
      await bare.close();
    }
  });
});

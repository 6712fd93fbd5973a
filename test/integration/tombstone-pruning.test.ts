import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PrunePage } from '../../src/apply/prune-tombstones.ts';
import type { Database } from '../../src/postgres/database.ts';
import { applyPositions } from '../../src/postgres/positions.ts';
import { tombstoneStore } from '../../src/postgres/tombstones.ts';
import { freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

const HOUR = 3_600_000;
const table = 'public.invoices';
const page: PrunePage = { table, topics: ['invoices'], epoch: 4n, keepMs: 10 * HOUR, after: undefined, limit: 3 };
let database: Database;

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});

afterAll(async () => {
  await database.close();
});

beforeEach(async () => {
  await rowsOf(database, 'truncate farshore.tombstones, farshore.rejected_records, farshore.apply_positions');
  await takePosition(4n);
});

const takePosition = async (epoch: bigint) =>
  await applyPositions(database).take([{ topic: 'invoices', partition: 0, topicId: '00000000-0000-4000-8000-000000000001' }], epoch, never);

const bury = async (key: string, hours: number, of = table) =>
  await rowsOf(
    database,
    `insert into farshore.tombstones values ($1, $2::jsonb, '\\x01', clock_timestamp() - make_interval(hours => $3::integer))`,
    [of, key, hours],
  );

const reject = async (offset: number, hours: number, under = table) =>
  await rowsOf(
    database,
    `insert into farshore.rejected_records (topic, partition, topic_id, record_offset, table_name, home_epoch, generation, timestamp_ms,
       headers, header_count, reason, message, first_seen)
     values ('invoices', 0, '00000000-0000-4000-8000-000000000001', $1, $2, 1, 1, 0, '', 0, 'row_refused', 'refused',
             clock_timestamp() - make_interval(hours => $3::integer))`,
    [offset, under, hours],
  );

/** A whole pass, page by page, as the stage makes it. */
async function pass(changes: Partial<PrunePage> = {}): Promise<readonly number[]> {
  const counts: number[] = [];
  let after: string | undefined;
  do {
    const { deleted, last } = await tombstoneStore(database).prune({ ...page, ...changes, after }, never);
    if (last !== undefined) counts.push(deleted);
    after = last;
  } while (after !== undefined);
  return counts;
}

const left = async () => (await rowsOf(database, 'select key::text as key from farshore.tombstones order by key')).map(({ key }) => key);

describe('C4: pruning remembered deletes', () => {
  it('C4: removes those that are old enough, page by page in the order of keys, and no others', async () => {
    const keys = ['[null]', '["a"]', '["b", 1.50]', '[3]', '[20]', '[true]', '[{"x": 1}]'];
    for (const key of keys) await bury(key, 11);
    await bury('["young"]', 9);
    await bury('[3]', 11, 'public.accounts');
    const counts = await pass();
    expect(counts).toHaveLength(3);
    expect(counts.reduce((sum, count) => sum + count)).toBe(7);
    expect(await left()).toEqual(['["young"]', '[3]']);
  });

  it('C4: goes on past pages in which nothing was old enough', async () => {
    for (const n of [1, 2, 3, 4]) await bury(`[${n}]`, 1);
    await bury('[5]', 11);
    expect(await pass()).toEqual([0, 1]);
    expect(await left()).toEqual(['[1]', '[2]', '[3]', '[4]']);
  });

  it('C4: removes none while a backfill of the table is open, paused ones too', async () => {
    await bury('[1]', 11);
    await bury('[2]', 11, 'public.accounts');
    await rowsOf(database, `insert into farshore.backfills (table_name, by, positions, state) values ($1, 'ada', '[]', 'paused')`, [table]);
    expect(await pass()).toEqual([0]);
    expect(await pass({ table: 'public.accounts' })).toEqual([1]);
    await rowsOf(database, `update farshore.backfills set state = 'stopped', ended_at = clock_timestamp()`);
    expect(await pass()).toEqual([1]);
  });

  it('C4: stands still at the oldest rejected record of the table, which a retry may still apply', async () => {
    await bury('[1]', 40);
    await bury('[2]', 25);
    await reject(7, 20);
    await reject(8, 1);
    expect(await pass()).toEqual([1]);
    expect(await left()).toEqual(['[2]']);
    await rowsOf(database, 'delete from farshore.rejected_records where record_offset = 7');
    expect(await pass()).toEqual([1]);
  });

  it('C4: stands still at a rejected record of another table of its topic: a retry applies it to all of them', async () => {
    await bury('[1]', 40);
    await bury('[2]', 25);
    await reject(7, 20, 'public.lines');
    expect(await pass()).toEqual([1]);
    expect(await left()).toEqual(['[2]']);
  });

  it('C4: removes nothing once another daemon holds a position of the topics', async () => {
    await bury('[1]', 40);
    await takePosition(5n);
    expect(await pass()).toEqual([0]);
    expect(await pass({ epoch: 5n })).toEqual([1]);
  });

  it('passes over a delete that a transaction is just raising, without waiting for it', async () => {
    await bury('[1]', 40);
    await bury('[2]', 40);
    const held = await database.connect(never);
    try {
      await held.run([{ text: 'begin', values: [] }], never);
      await held.run([{ text: `update farshore.tombstones set deleted_at = clock_timestamp() where key = '[1]'`, values: [] }], never);
      expect(await pass()).toEqual([1]);
      await held.run([{ text: 'commit', values: [] }], never);
    } finally {
      await held.close();
    }
    expect(await pass()).toEqual([0]);
    expect(await left()).toEqual(['[1]']);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ApplyDependencies } from '../../src/apply/dependencies.ts';
import { ParkedRecords } from '../../src/apply/parked-records.ts';
import { ParkedCounts } from '../../src/apply/parking.ts';
import { applyKept } from '../../src/apply/retry-kept.ts';
import { TableCatalog } from '../../src/apply/table-catalog.ts';
import { toExactJson } from '../../src/avro/json.ts';
import { systemClock } from '../../src/model/clock.ts';
import type { FarshoreEvent } from '../../src/model/events.ts';
import { arrayLiteral } from '../../src/postgres/array-literal.ts';
import type { Database } from '../../src/postgres/database.ts';
import { parkedStore } from '../../src/postgres/parked-store.ts';
import { describeTables } from '../../src/postgres/tables.ts';
import { TextColumn } from '../../src/postgres/text-column.ts';
import { freshDatabase } from '../rig/context.ts';
import { field, TestDecoders } from '../unit/apply/log-double.ts';
import { migratedDatabase, never, rejectionOf, rowsOf } from './postgres-fixtures.ts';

const region = 'eu-west';
let database: Database;

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
  await rowsOf(database, 'create table things (id bigint primary key, name text, farshore_version bytea)');
});

afterAll(async () => {
  await database.close();
});

beforeEach(async () => {
  for (const table of ['things', 'farshore.rejected_records', 'farshore.topics', 'farshore.cutover_log', 'farshore.lease'])
    await rowsOf(database, `truncate ${table} cascade`);
  await rowsOf(
    database,
    "insert into farshore.lease (name, epoch, holder, expires_at) values ('daemon', 1, 'a', clock_timestamp() + interval '1 hour')",
  );
  await rowsOf(
    database,
    `insert into farshore.topics (topic, home, home_epoch, home_topic_id, regional_topic_id, partitions, generation)
     values ('things', 'us-east', 1, gen_random_uuid(), gen_random_uuid(), 1, 1)`,
  );
});

/** A state of row 1 that waited for another row, from before any cutover. */
const park = async () => {
  await rowsOf(
    database,
    `insert into farshore.rejected_records (topic, partition, topic_id, record_offset, table_name, home_epoch, generation, timestamp_ms, key, value,
       headers, header_count, reason, message, waits_for)
     values ('things', 0, gen_random_uuid(), 7, 'public.things', 1, 1, 0, '1', convert_to('1|{"id":"1n","name":"of the old home"}', 'UTF8'), '', 0,
       'row_refused', 'no parent', 'public.parents')`,
  );
};
/** As an application does it: the version stays as it was. */
const write = async () => await rowsOf(database, "insert into things values (1, 'of the application', null)");
const moveHome = async (home: string, epoch: number, open: string | undefined) => {
  await rowsOf(database, 'update farshore.topics set home = $1, home_epoch = $2', [home, epoch]);
  await rowsOf(database, "insert into farshore.home_epochs values ('things', $1, 0, $2, 8)", [epoch, home]);
  await rowsOf(
    database,
    `insert into farshore.cutover_log (revision, by, event, from_state, to_state, epoch, open, reason)
     values ($1, 'farshore', 'step_started', 'draining', 'switched', $1, $2, 'started')`,
    [epoch, open ?? 'nobody'],
  );
};
const nameNow = async () => (await rowsOf(database, 'select name from things'))[0]?.name;
const kept = async () => await rowsOf(database, 'select waits_for, message from farshore.rejected_records');

function retrying() {
  const tables = { describe: (names: Parameters<typeof describeTables>[1]) => describeTables(database, names, never) };
  const catalog = new TableCatalog(
    { tables: { ...tables, create: async () => undefined, execute: async () => undefined } },
    { entries: [{ topic: 'things' }], schema: 'validate' },
  );
  const decoders = new TestDecoders(new Map([['1', [field('id', 'long'), field('name', 'string')]]]));
  const deps = {
    database,
    decoders,
    arrayText: () => new TextColumn(),
    arrayLiteral,
    exactJson: toExactJson,
  } as unknown as ApplyDependencies;
  const store = parkedStore(database, region);
  const events: FarshoreEvent[] = [];
  const apply = (record: Parameters<typeof applyKept>[0]) =>
    applyKept(record, { deps, settings: { epoch: 1n, owns: () => false, region }, catalog }, never);
  const parked = new ParkedRecords(
    {
      store,
      counts: new ParkedCounts({ limit: 10, maxAgeSeconds: 60 }),
      applyKept: apply,
      applies: () => true,
      observe: (event) => events.push(event),
      clock: systemClock,
      random: () => 0,
    },
    { limit: 10, maxAgeSeconds: 3_600 },
  );
  return {
    store,
    events,
    apply,
    pass: () => parked.pass(undefined, never),
    list: () => store.list({ waitsFor: undefined, after: '0', limit: 10 }, never),
  };
}

describe('kept records of the home before', () => {
  it('are applied while the primary is home, also after a move that was taken back before the region was opened', async () => {
    const { pass } = retrying();
    await moveHome(region, 2, undefined);
    await moveHome('us-east', 3, 'primary');
    await park();
    await pass();
    expect([await nameNow(), await kept()]).toEqual(['of the old home', []]);
  });

  it('are not applied any more when an operator discarded them after a retry had read them', async () => {
    const { apply, list } = retrying();
    await park();
    const [read] = await list();
    await rowsOf(database, 'delete from farshore.rejected_records');
    expect(await apply(read!)).toBe('superseded');
    expect(await nameNow()).toBeUndefined();
  });

  it('C3: a parked record does not go over what an application wrote once the region was opened, and is rejected with the reason', async () => {
    const { pass, events, list } = retrying();
    await park();
    await write();
    await moveHome(region, 2, undefined);
    await pass();
    // Not open yet: it waits, for the home may still go back.
    expect([await nameNow(), (await kept())[0]?.waits_for, await list()]).toEqual(['of the application', 'public.parents', []]);
    await moveHome(region, 4, 'region');
    await pass();
    const reason = 'not tried again, since the region became home and was written to after it: no parent';
    expect([await nameNow(), await kept()]).toEqual(['of the application', [{ waits_for: null, message: reason }]]);
    expect(events).toEqual([
      { type: 'parked_ended', table: 'public.things', topic: 'things', partition: 0, offset: 7n, result: 'rejected' },
    ]);
  });

  it('C3: one that was read before the home moved, or is asked for by hand after it moved back, is refused where it would be applied', async () => {
    const { apply, list } = retrying();
    await park();
    const [record] = await list();
    await write();
    await moveHome(region, 2, 'region');
    expect(await rejectionOf(apply(record!))).toMatchObject({
      code: 'request_invalid',
      message: expect.stringContaining('is home of things'),
    });
    await moveHome('us-east', 3, 'primary');
    expect(await rejectionOf(apply(record!))).toMatchObject({
      code: 'request_invalid',
      message: expect.stringContaining('has been home of things'),
    });
    expect([await nameNow(), (await kept()).length]).toEqual(['of the application', 1]);
  });
});

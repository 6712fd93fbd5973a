import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RepairTrailEntry } from '../../src/audit/repair.ts';
import type { Database } from '../../src/postgres/database.ts';
import { repairTrail } from '../../src/postgres/repair-trail.ts';
import { executeDdl } from '../../src/postgres/tables.ts';
import { eventually, freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, rejectionOf, rowsOf } from './postgres-fixtures.ts';

let database: Database;
let url: string;
beforeAll(async () => {
  url = await freshDatabase();
  database = await migratedDatabase(url);
});
afterAll(async () => {
  await database.close();
});

const ddl = (...statements: readonly string[]) => executeDdl(database, statements, never);
const cutover = (home: 'primary' | 'region', open: string, epoch: number) => [
  `insert into farshore.cutover (region, primary_name, revision, state, since, reason, epoch, home, open)
values ('eu-west', 'us-east', 1, '${home === 'region' ? 'switched' : 'observing'}', now(), 'test', ${epoch}, '${home}', '${open}')
on conflict (only_row) do update set home = excluded.home, open = excluded.open, epoch = excluded.epoch`,
  `update farshore.writer_epoch set epoch = ${epoch}, open = ${open === 'region'}`,
];

beforeEach(async () => {
  await ddl(
    'truncate farshore.apply_positions, farshore.tombstones, farshore.rejected_records, farshore.audit_repairs, farshore.lease, farshore.cutover, farshore.topics, farshore.home_epochs cascade',
    `insert into farshore.lease (name, holder, epoch, expires_at) values ('daemon', 'test', 1, now() + interval '1 hour')`,
    ...cutover('primary', 'primary', 1),
    'drop table if exists bills',
    'create table bills (id bigint primary key, total double precision, farshore_version bytea)',
    `insert into bills values (1, 99, '\\x00000001')`,
  );
});
const totals = async () => (await rowsOf(database, 'select total from bills order by id')).map(({ total }) => total);

const trail: RepairTrailEntry = {
  ...{ finding: '1', table: 'public.bills', key: ['1'], kind: 'changed', columns: ['total'], write: 'update', by: 'somebody' },
  ...{ before: undefined, intended: undefined },
};
const repair = { text: 'with made as (update bills set total = 10 returning 1) select count(*) as written from made', values: [] };
const waiting = "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
const repairRow = async () =>
  await repairTrail(database, 1n, 'eu-west').write({ statements: [repair], states: [{ topic: 'bills', homeEpoch: 1 }] }, trail, never);

describe('a repair of the audit', () => {
  it('writes while the primary is the home', async () => {
    await repairRow();
    expect(await totals()).toEqual(['10']);
  });

  it('leaves the rows of a region that was opened meanwhile as its own writers wrote them', async () => {
    await ddl(...cutover('region', 'region', 2));
    expect(await rejectionOf(repairRow())).toMatchObject({
      code: 'request_invalid',
      hint: expect.stringContaining('farshore cutover plan'),
    });
    expect(await totals()).toEqual(['99']);
  });

  it('C3: does not take back what was written in a region that was the home between the reading and the writing', async () => {
    await ddl(
      ...cutover('region', 'region', 2),
      `insert into farshore.topics (topic, home, home_epoch, home_topic_id, regional_topic_id, partitions, generation)
       values ('bills', 'us-east', 3, gen_random_uuid(), gen_random_uuid(), 1, 1)`,
      `insert into farshore.home_epochs values ('bills', 2, 0, 'eu-west', 8), ('bills', 3, 0, 'us-east', 9)`,
      ...cutover('primary', 'primary', 3),
    );
    expect(await rejectionOf(repairRow())).toMatchObject({ code: 'request_invalid' });
    expect(await totals()).toEqual(['99']);
  });

  it('waits for the home that the ledger takes over from another region’s cutover, and then writes nothing', async () => {
    await ddl(
      'truncate farshore.cutover',
      `insert into farshore.topics (topic, home, home_epoch, home_topic_id, regional_topic_id, partitions, generation)
       values ('bills', 'us-east', 1, gen_random_uuid(), gen_random_uuid(), 1, 1)`,
    );
    const adopting = new pg.Client({ connectionString: url });
    await adopting.connect();
    await adopting.query('begin');
    await adopting.query(`update farshore.topics set home = 'eu-west', home_epoch = 2`);
    const writing = rejectionOf(repairRow());
    await eventually(async () => (await adopting.query(waiting)).rows[0].n > 0, { what: 'the repair waiting for the ledger' });
    await adopting.query('commit');
    await adopting.end();
    expect(await writing).toMatchObject({ code: 'request_invalid' });
    expect(await totals()).toEqual(['99']);
  });

  it('waits for an opening that is not committed yet, and then writes nothing', async () => {
    const opening = new pg.Client({ connectionString: url });
    await opening.connect();
    await opening.query('begin');
    for (const statement of cutover('region', 'region', 2)) await opening.query(statement);
    const writing = rejectionOf(repairRow());
    await eventually(async () => (await opening.query(waiting)).rows[0].n > 0, { what: 'the repair waiting for the opening' });
    await opening.query('commit');
    await opening.end();
    expect(await writing).toMatchObject({ code: 'request_invalid' });
    expect(await totals()).toEqual(['99']);
  });
});

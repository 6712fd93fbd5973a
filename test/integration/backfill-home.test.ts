import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PreparedTable } from '../../src/backfill/contracts.ts';
import { eventually } from '../rig/context.ts';
import { BackfillRig, plain } from './backfill-rig.ts';
import { never } from './postgres-fixtures.ts';

const begun = { id: '1', cursor: undefined };
let rig: BackfillRig;
let table: PreparedTable;
let now: Awaited<ReturnType<BackfillRig['startOf']>>;

beforeAll(async () => {
  rig = await BackfillRig.create();
  await rig.tables('bills', 'id integer primary key, note text');
  // Enough of them to be copied where all are new.
  await rig.at('primary', `insert into bills select n, 'of the primary' from generate_series(1, 200) n`);
});
afterAll(async () => {
  await rig.close();
});

/** As farshore.change_cutover does it. */
const moved = (home: 'primary' | 'region', epoch: number, open: 'primary' | 'region' | 'nobody') => [
  `insert into farshore.cutover (region, primary_name, revision, state, since, reason, epoch, home, open)
   values ('eu-west', 'us-east', 1, '${home === 'region' ? 'switched' : 'observing'}', now(), 'test', ${epoch}, '${home}', '${open}')
   on conflict (only_row) do update set home = excluded.home, open = excluded.open, epoch = excluded.epoch`,
  `update farshore.topics set home = '${home === 'region' ? 'eu-west' : 'us-east'}', home_epoch = ${epoch}`,
  `insert into farshore.home_epochs values ('bills', ${epoch}, 0, '${home === 'region' ? 'eu-west' : 'us-east'}', 8)`,
  `insert into farshore.cutover_log (revision, by, event, from_state, to_state, epoch, open, reason)
   values (${epoch}, 'farshore', 'step_started', 'draining', 'switched', ${epoch}, '${open}', 'test')`,
  `update farshore.writer_epoch set epoch = ${epoch}, open = ${open === 'region'}`,
];
const all = async (statements: readonly string[]) => {
  for (const statement of statements) await rig.at('region', statement);
};
/** An application's row: nothing but Farshore writes its version. */
const applicationRow = `insert into bills values (7, 'of the application', null)`;
const notes = async () =>
  (await rig.at('region', 'select note, count(*) as n from bills group by note order by note')).map(({ note, n }) => `${n} ${note}`);

const begin = async () => {
  await all([
    'truncate bills, farshore.cutover, farshore.cutover_log, farshore.topics, farshore.home_epochs cascade',
    `insert into farshore.topics (topic, home, home_epoch, home_topic_id, regional_topic_id, partitions, generation)
     values ('bills', 'us-east', 1, gen_random_uuid(), gen_random_uuid(), 1, 1)`,
    ...moved('primary', 1, 'primary'),
  ]);
  table = await rig.prepared([plain('bills')]);
  now = await rig.startOf('public.bills');
};
afterEach(async () => {
  await rig.store.change('public.bills', 'stop', never);
});

describe('a chunk of a backfill that is under way when the region becomes the home', () => {
  it('is written while the primary is the home', async () => {
    await begin();
    expect(await table.write(await now(), await table.read(begun, 300, never), never)).toBe(200);
    expect(await notes()).toEqual(['200 of the primary']);
  });

  it('does not go over what applications wrote once the region was opened, whether it comes as new rows or guarded', async () => {
    for (const rows of [300, 1]) {
      await begin();
      const chunk = await table.read(begun, rows, never);
      await all([...moved('region', 2, 'region'), applicationRow, `insert into bills values (1, 'of the application', null)`]);
      const one = await now();
      expect(await table.write(one, chunk, never)).toBe('home_moved');
      expect(await notes()).toEqual(['2 of the application']);
      expect((await now()).cursor).toBe(one.cursor);
      await rig.store.change('public.bills', 'stop', never);
    }
  });

  it('waits for an opening that is not committed yet, and then writes nothing', async () => {
    await begin();
    const [one, chunk] = [await now(), await table.read(begun, 300, never)];
    const opening = await rig.rig.databases.region.connect(never);
    const run = async (text: string) => await opening.run([{ text, values: [] }], never);
    await run('begin');
    for (const statement of moved('region', 2, 'region')) await run(statement);
    let ended = false;
    const writing = table.write(one, chunk, never).finally(() => {
      ended = true;
    });
    const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await eventually(async () => ended || (await rig.at('region', waiting)).length > 0, { what: 'the chunk waiting for the opening' });
    await run('commit');
    await opening.close();
    expect([await writing, await notes()]).toEqual(['home_moved', []]);
  });

  it('C3: is not written after the home went back either, when the region was opened meanwhile', async () => {
    await begin();
    const chunk = await table.read(begun, 300, never);
    await all([...moved('region', 2, 'region'), applicationRow, ...moved('primary', 3, 'primary')]);
    expect([await table.write(await now(), chunk, never), await notes()]).toEqual(['home_moved', ['1 of the application']]);
  });

  it('is written after a move that was taken back before the region was opened', async () => {
    await begin();
    const chunk = await table.read(begun, 300, never);
    await all([...moved('region', 2, 'nobody'), ...moved('primary', 3, 'primary')]);
    expect(await table.write(await now(), chunk, never)).toBe(200);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { regionalOffset } from '../../src/model/offsets.ts';
import type { Database } from '../../src/postgres/database.ts';
import { movePositionTo } from '../../src/postgres/position-move.ts';
import { applyPositions } from '../../src/postgres/positions.ts';
import { eventually, freshDatabase } from '../rig/context.ts';
import { field } from '../unit/apply/log-double.ts';
import { appliedPartition } from './apply-rig.ts';
import { migratedDatabase, never, rejectionOf, rowsOf } from './postgres-fixtures.ts';

const topicId = '00000000-0000-4000-8000-000000000001';
const fields = [field('id', 'long'), field('total', 'double'), field('updated', 'long')];
const value = (id: bigint, total: number) => ({ id, total, updated: 5n });
/** What the old home wrote before the region became the home at offset 8. */
const written = [
  { offset: 0n, value: value(1n, 10) },
  { offset: 1n, value: value(2n, 10) },
  { offset: 2n, key: '3', value: null },
  { offset: 7n, value: value(9n, 10) },
];

let database: Database;
beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});
afterAll(async () => {
  await database.close();
});
const at = async (...statements: readonly string[]) => {
  for (const statement of statements) await rowsOf(database, statement);
};
beforeEach(async () => {
  await at(
    'truncate farshore.apply_positions, farshore.tombstones, farshore.operator_actions, farshore.cutover, farshore.cutover_log, farshore.topics, farshore.home_epochs cascade',
    'drop table if exists bills',
    'create table bills (id bigint primary key, total double precision, updated bigint, farshore_version bytea)',
    `insert into farshore.topics (topic, home, home_epoch, home_topic_id, regional_topic_id, partitions, generation)
     values ('bills', 'us-east', 1, gen_random_uuid(), '${topicId}', 1, 1)`,
    `insert into farshore.home_epochs values ('bills', 1, 0, 'us-east', 0)`,
    `insert into farshore.cutover (region, primary_name, revision, state, since, reason, epoch, home, open)
     values ('eu-west', 'us-east', 1, 'observing', now(), 'test', 1, 'primary', 'primary')`,
  );
});

const moved = (home: 'eu-west' | 'us-east', epoch: number, from: number, opened: boolean): readonly string[] => [
  `update farshore.topics set home = '${home}', home_epoch = ${epoch}`,
  `insert into farshore.home_epochs values ('bills', ${epoch}, 0, '${home}', ${from})`,
  `insert into farshore.cutover_log (revision, by, event, from_state, to_state, epoch, open, reason)
   values (${epoch}, 'farshore', 'step_started', 'draining', 'switched', ${epoch}, '${opened && home === 'eu-west' ? 'region' : 'nobody'}', 'test')`,
  `update farshore.cutover set epoch = ${epoch}, open = 'nobody', home = '${home === 'eu-west' ? 'region' : 'primary'}'`,
];
/** A row that is gone and one that is new, as applications leave them: no remembered delete, no version. */
const applications = ['delete from bills where id = 1', 'insert into bills values (3, 30, 5)', 'update bills set total = 20 where id = 2'];
const bills = async () => (await rowsOf(database, 'select id, total from bills order by id')).map(({ id, total }) => `${id}: ${total}`);
const next = async () => String((await applyPositions(database).read('bills', 0, never))?.next);
const resume = async (from: bigint, expected: bigint) =>
  await movePositionTo(
    database,
    {
      ...{ topic: 'bills', partition: 0, topicId, expectedTopicId: topicId, epoch: 1n, region: 'eu-west', standby: false },
      ...{ expected: regionalOffset(expected), next: regionalOffset(from) },
      action: {
        ...{ action: 'resume', stage: 'apply', topic: 'bills', partition: 0, by: 'ann', code: undefined, options: {} },
        ...{ lostFrom: undefined, lostTo: undefined },
      },
    },
    never,
  );

describe('an operator’s resume of apply from below where the region became the home', () => {
  it.each([
    ['the order of the log', {}],
    ['a source version', { version: ['updated'] }],
  ])('C3: brings back no row that an application deleted, and takes none away that it made, of a table ordered by %s', async (_, entry) => {
    const partition = await appliedPartition(database, [{ topic: 'bills', key: ['id'], ...entry }], { 1: fields });
    await partition.apply(written);
    await at(...moved('eu-west', 2, 8, true), ...applications);
    const asked: unknown = await resume(0n, 8n).then(
      async () => await partition.apply(written),
      (error: unknown) => error,
    );
    expect(await bills()).toEqual(['2: 20', '3: 30', '9: 10']);
    expect(asked).toMatchObject({ code: 'request_invalid', place: 'bills:0', hint: expect.stringContaining('--from 8') });
    expect([await next(), await rowsOf(database, 'select 1 from farshore.operator_actions')]).toEqual(['8', []]);
  });

  it('C3: is refused after the home went back too, and allowed from there on, or where the region was never opened', async () => {
    const partition = await appliedPartition(database, [{ topic: 'bills', key: ['id'] }], { 1: fields });
    await partition.apply(written);
    await at(...moved('eu-west', 2, 8, false), ...moved('us-east', 3, 8, false));
    await resume(5n, 8n);
    await at(...moved('eu-west', 4, 10, true), ...moved('us-east', 5, 12, false));
    expect(await rejectionOf(resume(4n, 5n))).toMatchObject({ code: 'request_invalid', hint: expect.stringContaining('--from 10') });
    await resume(10n, 5n);
    expect(await next()).toBe('10');
  });

  it('C6: is not held to where epochs began in the log that had the topic’s name before', async () => {
    await (await appliedPartition(database, [{ topic: 'bills', key: ['id'] }], { 1: fields })).apply(written);
    await at(...moved('eu-west', 2, 8, true));
    expect(await rejectionOf(resume(0n, 8n))).toMatchObject({ code: 'request_invalid' });
    // The position is of a log that was created again in the region, and accepted there; the mirror has yet to look at it.
    await at('update farshore.topics set regional_topic_id = gen_random_uuid()');
    await resume(0n, 8n);
    expect(await next()).toBe('0');
  });

  it('waits for the move of the home that is being written, and is refused with it', async () => {
    const partition = await appliedPartition(database, [{ topic: 'bills', key: ['id'] }], { 1: fields });
    await partition.apply(written);
    const moving = await database.connect(never);
    const run = async (text: string) => await moving.run([{ text, values: [] }], never);
    await run('begin');
    for (const statement of moved('eu-west', 2, 8, true)) await run(statement);
    let ended = false;
    const resuming = resume(0n, 8n)
      .catch((error: unknown) => error)
      .finally(() => {
        ended = true;
      });
    const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await eventually(async () => ended || (await rowsOf(database, waiting)).length > 0, { what: 'the resume waiting for the move' });
    await run('commit');
    await moving.close();
    expect([await resuming, await next()]).toMatchObject([{ code: 'request_invalid' }, '8']);
  });

  it('does not go back while the home moves here: what was drained would be read again once the region is open', async () => {
    const partition = await appliedPartition(database, [{ topic: 'bills', key: ['id'] }], { 1: fields });
    await partition.apply(written);
    await at(`update farshore.cutover set state = 'draining', move = '{"to": "region"}'`);
    expect(await rejectionOf(resume(0n, 8n))).toMatchObject({ code: 'request_invalid', hint: expect.stringContaining('cutover') });
    // Ahead, over a record that cannot be applied: a drain may need it.
    await resume(9n, 8n);
    expect(await next()).toBe('9');
  });
});

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CutoverLogEntry, CutoverPlan } from '../../src/model/cutover.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

/** A primary that is given up while apply stands: what it has not applied must not come over what the region writes (C26). */
describe('a region that takes over from a lost primary', () => {
  const { primary, regional } = sharedRig();
  const [topic, children] = [uniqueTopic('orders'), uniqueTopic('lines')];
  const region = `lost-${topic.slice(-10)}`;
  const producer = kafkajsFor(primary).producer();
  let database: pg.Client;
  let daemon: TestDaemon;

  const plan = async (): Promise<CutoverPlan> => JSON.parse(await daemon.cli(['cutover', 'plan', '-o', 'json'])) as CutoverPlan;
  const giveUp = async (): Promise<string> =>
    await daemon.cli(['cutover', 'start', '--primary-lost', '--accept-loss', '--yes-region', region, '--by', 'ada']);
  const rows = async () => (await database.query('select id, note from orders order by id')).rows.map(({ id, note }) => `${id} ${note}`);
  const send = async (to: string, id: number, note: string, version: number) =>
    await producer.send({ topic: to, messages: [{ key: String(id), value: rowValue(id, note, version) }] });
  const until = async (what: string, holds: (now: CutoverPlan) => boolean): Promise<CutoverPlan> =>
    await eventually(
      async () => {
        const now = await plan();
        if (holds(now)) return now;
        throw new Error(`${now.state}, open ${now.open}: ${now.reason}`);
      },
      { what, deadlineMs: 60_000, everyMs: 250 },
    );

  beforeAll(async () => {
    const url = await freshDatabase();
    database = new pg.Client({ connectionString: url });
    await Promise.all([database.connect(), producer.connect()]);
    await database.query(rowTable('orders'));
    await database.query(
      'create table lines (id integer primary key, note text not null unique, version integer not null references orders (id), farshore_version bytea)',
    );
    await Promise.all([createTopic(primary, { topic }), createTopic(primary, { topic: children })]);
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: url,
      region,
      topics: [topic, children],
      tables: [
        `{ topic: ${topic}, table: public.orders, version: version }`,
        `{ topic: ${children}, table: public.lines, version: version }`,
      ],
    });
    await daemon.start();
    await send(topic, 1, 'first', 1);
    await eventually(async () => (await rows()).length === 1);
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await Promise.all([database?.end(), producer.disconnect()]);
  });

  it('does not open while apply is paused before the end, and says which partition and how', async () => {
    // Its parent is never mirrored: it waits for ever.
    await send(children, 5, 'of no order', 77);
    await eventually(async () => (await daemon.cli(['rejected', 'list', '--parked'])).includes('public.lines'));
    await daemon.cli(['partition', 'pause', `${topic}:0`, '--stage', 'apply', '--by', 'bo']);
    await send(topic, 1, 'of the old home', 2);
    await eventually(
      async () => (await daemon.partition(topic, 0))?.mirror?.next === '2' || (await daemon.partition(topic, 0))?.mirror?.end === '2',
    );
    await giveUp();
    const { open, home, epoch } = await until('the move being over', (now) => now.state !== 'draining' && now.open !== 'nobody');
    expect([open, home, epoch]).toEqual(['primary', 'primary', '1']);
    const { rows: log } = await database.query("select reason from farshore.cutover_log where event = 'step_failed'");
    expect(log[0]?.reason).toBe(
      `drain_region failed: apply of ${topic}:0 is paused by bo: resume it or skip what it stands at with farshore partition resume ${topic}:0 --stage apply, and start again`,
    );
  });

  it('C26: opens once apply has passed all that came, and nothing older comes over what is written then', async () => {
    // Its mirror was fenced: it takes the lease anew.
    await eventually(async () => (await daemon.status()).role === 'active', { deadlineMs: 30_000, what: 'the daemon being active' });
    await daemon.cli(['partition', 'resume', `${topic}:0`, '--stage', 'apply', '--by', 'bo']);
    await giveUp();
    await until('the region being open', ({ open, state }) => open === 'region' && state === 'switched');
    expect(await rows()).toEqual(['1 of the old home']);
    const done = (JSON.parse(await daemon.cli(['cutover', 'log', '--limit', '100', '-o', 'json'])) as readonly CutoverLogEntry[]).find(
      ({ step, event }) => step === 'drain_region' && event === 'step_done',
    );
    expect(done?.facts).toMatchObject({ parked: 1 });
    // What the parked record waited for is written by an application now.
    await database.query("insert into orders values (77, 'of the region', 1)");
    await eventually(async () => !(await daemon.cli(['rejected', 'list', '--parked'])).includes('public.lines'), {
      deadlineMs: 90_000,
      everyMs: 1_000,
      what: 'the parked record being rejected',
    });
    const { rows: kept } = await database.query('select waits_for, message from farshore.rejected_records');
    expect(kept).toEqual([{ waits_for: null, message: expect.stringContaining('since the region became home') }]);
    expect((await database.query('select 1 from lines')).rowCount).toBe(0);
  });
});

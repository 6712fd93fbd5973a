import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { CutoverStore, GateLimits } from '../../src/cutover/contracts.ts';
import { CutoverLoop } from '../../src/cutover/cutover-loop.ts';
import { runNext } from '../../src/cutover/hook-loop.ts';
import type { Hook } from '../../src/cutover/hooks.ts';
import { type Cutover, type CutoverEvent, decide, firstCutover, type LogEntry } from '../../src/cutover/state.ts';
import { systemClock } from '../../src/model/clock.ts';
import { type CutoverStep, forwardSteps, type LossBound, lostSteps } from '../../src/model/cutover.ts';
import type { FarshoreEvent } from '../../src/model/events.ts';
import { cutoverStore } from '../../src/postgres/cutover-store.ts';
import type { Database } from '../../src/postgres/database.ts';
import { hookStore } from '../../src/postgres/hook-store.ts';
import { eventually, freshDatabase } from '../rig/context.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { migratedDatabase, never, openDatabase, rejectionOf, rowsOf } from './postgres-fixtures.ts';

const LEASE = 7n;
const at = '2026-03-01T10:00:00.000Z';
let url: string;
let database: Database;
let other: Database;
let store: CutoverStore;

beforeAll(async () => {
  url = await freshDatabase();
  database = await migratedDatabase(url);
  other = openDatabase(url);
  await rowsOf(
    database,
    "insert into farshore.lease (name, holder, epoch, expires_at) values ('daemon', 'me', 7, now() + interval '1 hour')",
  );
  store = cutoverStore(database, LEASE);
});

afterAll(async () => {
  await Promise.all([database.close(), other.close()]);
});

beforeEach(async () => {
  await rowsOf(database, 'truncate farshore.cutover, farshore.cutover_log, farshore.cutover_hooks');
  await rowsOf(database, 'update farshore.writer_epoch set epoch = 1, open = false');
  await rowsOf(database, 'update farshore.lease set epoch = 7');
});

const ensure = () => store.ensure(firstCutover('eu-west', 'us-east', at), never);
const entry: LogEntry = { by: 'ada', event: 'evaluated', step: null, reason: 'a test', gates: null, facts: null };
const revisions = async () => (await store.log(1_000, never)).map(({ revision }) => revision);

/** As every decision is made: on what is stored, and stored before it is acted on. */
async function take(event: CutoverEvent): Promise<Cutover> {
  const seen = await store.load(never);
  if (seen === undefined) throw new Error('nothing is stored');
  const decision = decide(seen, event, at);
  if (decision.kind !== 'moved') throw new Error(JSON.stringify(decision));
  expect(await store.save(seen, decision.next, decision.entry, never)).toBe('saved');
  return decision.next;
}

const gates = [{ gate: 'lag' as const, open: true, reason: null, facts: { worstSeconds: 1.5, maxSeconds: 5 } }];
const start: CutoverEvent = {
  type: 'start',
  by: 'ada',
  region: 'eu-west',
  readiness: { allHeld: true, copyOpen: true, copyHeld: true, held: 'all', missing: '', gates },
};

/** Up to before the region is closed. */
async function revert(): Promise<void> {
  await take({ type: 'revert', by: 'bo', region: 'eu-west' });
  await take({ type: 'step_started', step: 'read_rights' });
  await take({ type: 'step_done', step: 'read_rights', result: {} });
}

async function go(steps: readonly CutoverStep[]): Promise<void> {
  for (const step of steps) {
    await take({ type: 'step_started', step });
    await take({ type: 'step_done', step, result: { step, regional: { orders: { '0': '9223372036854775807' } } } });
  }
}

async function begin(): Promise<void> {
  const first = await ensure();
  await store.save(first, { ...first, state: 'ready' }, entry, never);
  await take(start);
}

async function switchOver(): Promise<Cutover> {
  await begin();
  await go(forwardSteps);
  const row = await store.load(never);
  if (row === undefined) throw new Error('nothing is stored');
  return row;
}

describe('the stored cutover', () => {
  it('is made once, also by two daemons at once', async () => {
    const second = cutoverStore(other, LEASE);
    const rows = await Promise.all([
      ensure(),
      second.ensure(firstCutover('eu-west', 'us-east', '2026-03-01T11:00:00.000Z'), never),
      ensure(),
    ]);
    expect(new Set(rows.map(({ since }) => since)).size).toBe(1);
    expect(rows[0]).toEqual(firstCutover('eu-west', 'us-east', rows[0].since));
    expect(await revisions()).toEqual(['1']);
  });

  it('C24: of two sessions that change what they both saw one wins, and the other leaves nothing behind', async () => {
    const seen = await ensure();
    const second = cutoverStore(other, LEASE);
    for (let round = 0; round < 20; round++) {
      const now = (await store.load(never)) ?? seen;
      const change = (name: string) => ({ ...now, reason: name });
      const outcomes = await Promise.all([
        store.save(now, change('one'), { ...entry, by: 'one' }, never),
        second.save(now, change('two'), { ...entry, by: 'two' }, never),
      ]);
      expect(outcomes.toSorted()).toEqual(['changed_meanwhile', 'saved']);
      const winner = outcomes[0] === 'saved' ? 'one' : 'two';
      expect(await store.load(never)).toMatchObject({ revision: BigInt(round) + 2n, reason: winner });
      expect((await store.log(1, never))[0]).toMatchObject({ revision: String(round + 2), by: winner });
    }
    expect((await revisions()).length).toBe(21);
  });

  it('tells the second of two operators at once what the first has done', async () => {
    const events: FarshoreEvent[] = [];
    const loop = (connection: Database) =>
      new CutoverLoop(
        { region: 'eu-west', primary: 'us-east', evaluateMs: 5_000, windowMs: 1_000, limits: {} as GateLimits },
        {
          store: cutoverStore(connection, LEASE),
          measure: () => {
            throw new Error('nothing is measured here');
          },
          brake: () => ({ kind: 'none' }),
          observe: (event) => events.push(event),
          clock: systemClock,
        },
      );
    for (let round = 0; round < 10; round++) {
      const hold = (by: string, on: Database) => loop(on).command({ type: 'hold', by, region: 'eu-west', reason: 'wait' }, never);
      const outcomes = await Promise.allSettled([hold('ada', database), hold('bo', other)]);
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(refused).toHaveLength(1);
      const held = (await store.load(never))?.hold?.by;
      expect(refused[0]?.reason).toMatchObject({ code: 'request_invalid', message: `hold is refused: ${held} holds it already: wait` });
      await loop(database).command({ type: 'release', by: 'ada', region: 'eu-west' }, never);
    }
    expect(events.filter(({ type }) => type === 'cutover_held')).toHaveLength(10);
    expect(await rejectionOf(loop(database).command({ type: 'hold', by: 'ada', region: 'eu-east', reason: 'x' }, never))).toMatchObject({
      message: 'hold is refused: this is region eu-west, not eu-east',
    });
  });

  it('is not changed by a daemon that lost the lease: neither row nor log nor writer epoch', async () => {
    const seen = await ensure();
    await rowsOf(database, 'update farshore.lease set epoch = 8');
    const next: Cutover = { ...seen, open: 'nobody' };
    expect(await rejectionOf(store.save(seen, next, entry, never))).toMatchObject({ code: 'fenced', facts: { outcome: 'not_applied' } });
    expect(await store.load(never)).toEqual(seen);
    expect(await revisions()).toEqual(['1']);
    expect(await rowsOf(database, 'select epoch, open from farshore.writer_epoch')).toEqual([{ epoch: '1', open: 'f' }]);
  });

  it.each<[string, Partial<Cutover>]>([
    ['an epoch without its home', { epoch: 2n }],
    ['a home without its epoch', { home: 'region', open: 'nobody' }],
    ['an epoch that is left out', { home: 'region', open: 'nobody', epoch: 3n }],
    ['an epoch that goes back', { epoch: 0n }],
    ['a place that is open and not the home', { open: 'region' }],
  ])('C24: the database itself refuses %s', async (_what, change) => {
    const seen = await ensure();
    expect(await rejectionOf(store.save(seen, { ...seen, ...change }, entry, never))).toMatchObject({
      facts: { sqlState: expect.stringMatching(/^(FS005|23514)$/) },
    });
    expect(await store.load(never)).toEqual(seen);
  });

  it('C3, C24: moves the home of every topic with the epoch, from the offsets that were recorded, and of no other', async () => {
    const id = '00000000-0000-0000-0000-000000000001';
    await rowsOf(
      database,
      `insert into farshore.topics (topic, home, home_epoch, home_topic_id, regional_topic_id, partitions, generation)
       select t, 'us-east', 1, '${id}', '${id}', 1, 1 from unnest(array['orders', 'farshore.heartbeat.us-east']) t`,
    );
    onTestFinished(async () => {
      await rowsOf(database, 'truncate farshore.topics cascade');
    });
    await switchOver();
    expect(await rowsOf(database, 'select topic, home, home_epoch from farshore.topics order by topic')).toEqual([
      { topic: 'farshore.heartbeat.us-east', home: 'us-east', home_epoch: '1' },
      { topic: 'orders', home: 'eu-west', home_epoch: '2' },
    ]);
    const epochs = await rowsOf(database, 'select topic, home_epoch, partition, home, from_offset from farshore.home_epochs');
    expect(epochs).toEqual([{ topic: 'orders', home_epoch: '2', partition: '0', home: 'eu-west', from_offset: '9223372036854775807' }]);
    const row = (await store.load(never))!;
    expect(row.kept?.results.from_offsets).toMatchObject({ regional: { orders: { '0': '9223372036854775807' } } });
  });

  it('C24: moves no home without offsets for it to start from', async () => {
    const seen = await ensure();
    const next: Cutover = { ...seen, home: 'region', open: 'nobody', epoch: 2n };
    expect(await rejectionOf(store.save(seen, next, entry, never))).toMatchObject({ facts: { sqlState: 'FS005' } });
    expect(await store.load(never)).toEqual(seen);
  });

  it('C26: a move that goes back to a primary which is gone is taken over, from before and after its home is back, with one epoch more each time', async () => {
    const lost: LossBound = { lagSeconds: 3, partitions: [] };
    for (const done of [[], ['raise_epoch_back']] as const) {
      await rowsOf(database, 'truncate farshore.cutover, farshore.cutover_log, farshore.cutover_hooks');
      await rowsOf(database, 'update farshore.writer_epoch set epoch = 1, open = false');
      await begin();
      await go(forwardSteps.slice(0, forwardSteps.indexOf('last_digest')));
      await take({ type: 'abort', by: 'ada', region: 'eu-west' });
      await go(done);
      expect(await take({ ...start, lost })).toMatchObject({
        home: 'primary',
        epoch: 3n,
        move: { to: 'region', step: 'fence_mirror', lost },
      });
      await go(lostSteps);
      expect(await store.load(never)).toMatchObject({
        state: 'switched',
        home: 'region',
        open: 'region',
        epoch: 4n,
        move: null,
        kept: { lost },
      });
      expect(await rowsOf(database, 'select epoch, open from farshore.writer_epoch')).toEqual([{ epoch: '4', open: 't' }]);
    }
  });

  it('C24: keeps what a revert that fell back has not told the primary, also when it is completed, until it is told', async () => {
    await switchOver();
    await take({ type: 'revert', by: 'bo', region: 'eu-west' });
    await go(forwardSteps.slice(0, forwardSteps.indexOf('last_digest')));
    await take({ type: 'abort', by: 'bo', region: 'eu-west' });
    await go(['raise_epoch_back', 'publish_home_back', 'reopen']);
    const untold = { orders: { '0': '9223372036854775807' } };
    expect(await store.load(never)).toMatchObject({
      state: 'switched',
      open: 'region',
      epoch: 4n,
      move: null,
      kept: { untold, lost: null },
    });
    await take({ type: 'complete', by: 'bo', region: 'eu-west' });
    expect((await store.load(never))?.kept).toEqual({ results: {}, lost: null, untold, untoldIds: {} });
    await take({ type: 'primary_told', result: 'published' });
    expect(await store.load(never)).toMatchObject({ state: 'completed', open: 'region', epoch: 4n, kept: null });
    expect((await store.log(1, never))[0]).toMatchObject({
      by: 'farshore',
      event: 'primary_told',
      facts: { epoch: '4', result: 'published' },
    });
  });

  it('carries a move through every step as it was decided, with the gates that allowed it', async () => {
    const row = await switchOver();
    expect(row).toMatchObject({ state: 'switched', home: 'region', open: 'region', epoch: 2n, move: null, revision: 29n });
    const log = await store.log(1_000, never);
    expect(log.map(({ revision }) => Number(revision))).toEqual(Array.from({ length: 29 }, (_, index) => 29 - index));
    expect(log.find(({ event }) => event === 'start')).toMatchObject({ by: 'ada', from: 'ready', to: 'draining', gates });
    expect(log.filter(({ event }) => event === 'step_done').map(({ step }) => step)).toEqual(forwardSteps.toReversed());
    expect(log[4]?.facts).toEqual({ step: 'last_digest', regional: { orders: { '0': '9223372036854775807' } } });
    await revert();
    expect(await take({ type: 'step_started', step: 'freeze' })).toMatchObject({ open: 'nobody' });
    expect(await store.load(never)).toMatchObject({
      state: 'draining',
      move: { from: 'region', to: 'primary', by: 'bo', started: true, results: { read_rights: {} } },
    });
  });
});

describe('the writer epoch', () => {
  const session = async (address = url): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: address });
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  };
  const assert = (client: pg.Client, epoch: number) => client.query('select farshore.assert_writer($1)', [epoch]);

  it('C24: lets writers in with the epoch the region is open for, and no other', async () => {
    const client = await session();
    await ensure();
    await expect(assert(client, 1)).rejects.toMatchObject({ code: 'FS004', detail: 'The region is not open.' });
    await rowsOf(database, 'truncate farshore.cutover, farshore.cutover_log, farshore.cutover_hooks');
    await switchOver();
    await assert(client, 2);
    for (const old of [1, 3, null]) {
      await expect(client.query('select farshore.assert_writer($1)', [old])).rejects.toMatchObject({ code: 'FS004' });
    }
    await revert();
    await assert(client, 2);
    await take({ type: 'step_started', step: 'freeze' });
    await expect(assert(client, 2)).rejects.toMatchObject({ code: 'FS004', detail: 'The region is not open.' });
  });

  it('waits for a transaction that was let in before it closes, and refuses a snapshot from before', async () => {
    await switchOver();
    await revert();
    const [writer, snapshot] = [await session(), await session()];
    await writer.query('begin');
    await assert(writer, 2);
    await snapshot.query('begin isolation level repeatable read');
    await snapshot.query('select 1 from farshore.migrations');
    let closed = false;
    const closing = take({ type: 'step_started', step: 'freeze' }).then(() => {
      closed = true;
    });
    const waiting =
      "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database() and query like '%change_cutover%'";
    // Asked outside of the writer's transaction: what other sessions do is read once a transaction and then stands still.
    await eventually(async () => (await rowsOf(other, waiting))[0]?.n === '1', {
      what: 'the change waiting for the writer',
    });
    expect(closed).toBe(false);
    await writer.query('commit');
    await closing;
    await expect(assert(snapshot, 2)).rejects.toMatchObject({ code: '40001' });
  });

  it('is asserted by a role that may do nothing else in schema farshore, also by a trigger', async () => {
    await switchOver();
    const role = `writer_${Math.random().toString(36).slice(2, 10)}`;
    const owner = await session();
    await owner.query(`create role ${role} login; create table guarded (id integer primary key)`);
    await owner.query(
      `create trigger farshore_writer before insert or update or delete on guarded for each statement when (current_user = '${role}') execute function farshore.guard_writer()`,
    );
    await owner.query(`set farshore.role = '${role}'; set farshore.side = 'writer'; set farshore.tables = 'public.guarded'`);
    await owner.query(await readFile(join(repositoryRoot, 'deploy/postgres/roles.sql'), 'utf8'));
    onTestFinished(async () => {
      const cleaner = new pg.Client({ connectionString: url });
      await cleaner.connect();
      await cleaner.query(`drop table guarded; drop owned by ${role}; drop role ${role}`);
      await cleaner.end();
    });
    const address = new URL(url);
    address.username = role;
    const client = await session(address.href);
    await assert(client, 2);
    await expect(assert(client, 1)).rejects.toMatchObject({ code: 'FS004' });
    for (const statement of [
      'select * from farshore.cutover',
      'update farshore.writer_epoch set open = true',
      'select * from farshore.lease',
    ]) {
      await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
    }
    await expect(client.query('insert into guarded values (1)')).rejects.toMatchObject({ code: 'FS004' });
    await client.query("set farshore.writer_epoch = '2'");
    await client.query('insert into guarded values (1)');
    await owner.query('insert into guarded values (2)');
  });
});

describe('hooks of a change of state', () => {
  const hook: Hook = { on: 'shadowing', kind: 'command', command: ['tell', 'them'], timeoutMs: 1_000 };
  const parts = (ran: string[], runner: (text: string) => Promise<{ result: 'done' | 'failed'; detail: string }>) => ({
    hooks: [hook, { ...hook, command: ['and', 'others'] }, { ...hook, on: 'ready' as const }],
    store: hookStore(database),
    runner: {
      run: async (one: Hook) => {
        const text = one.kind === 'command' ? one.command.join(' ') : one.url;
        ran.push(text);
        return await runner(text);
      },
    },
    observe: () => undefined,
    clock: systemClock,
  });

  it('run once each, are run again when their end was not recorded, and are shown in the log', async () => {
    const first = await ensure();
    const ran: string[] = [];
    const well = parts(ran, async (text) => ({ result: text === 'tell them' ? 'done' : 'failed', detail: 'exit code' }));
    expect(await runNext(well, never)).toBe(false);
    await store.save(first, { ...first, state: 'shadowing' }, entry, never);
    // The daemon dies while the hook runs.
    const killed = parts(ran, async () => {
      throw new Error('killed');
    });
    await expect(runNext(killed, never)).rejects.toThrow('killed');
    expect((await store.log(1, never))[0]?.hooks).toEqual([{ hook: 'tell', result: null, detail: null }]);
    expect([await runNext(well, never), await runNext(well, never), await runNext(well, never)]).toEqual([true, true, false]);
    expect(ran).toEqual(['tell them', 'tell them', 'and others']);
    expect((await store.log(1, never))[0]?.hooks).toEqual([
      { hook: 'tell', result: 'done', detail: 'exit code' },
      { hook: 'and', result: 'failed', detail: 'exit code' },
    ]);
  });

  it('of a state that was left again are not run any more', async () => {
    const first = await ensure();
    await store.save(first, { ...first, state: 'shadowing' }, entry, never);
    const seen = await store.load(never);
    if (seen === undefined) throw new Error('nothing is stored');
    await store.save(seen, { ...seen, state: 'observing' }, entry, never);
    expect(
      await runNext(
        parts([], async () => ({ result: 'done', detail: '' })),
        never,
      ),
    ).toBe(false);
  });
});

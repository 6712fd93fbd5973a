import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../src/model/clock.ts';
import type { FarshoreEvent } from '../../src/model/events.ts';
import type { Database } from '../../src/postgres/database.ts';
import type { HeldLease } from '../../src/postgres/held-lease.ts';
import { acquireLease } from '../../src/postgres/lease.ts';
import { leaseLock } from '../../src/postgres/locks.ts';
import { executeDdl } from '../../src/postgres/tables.ts';
import { eventually, freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, openDatabase, proxyTo, rejectionOf, rowsOf } from './postgres-fixtures.ts';

let url: string;
let database: Database;

beforeAll(async () => {
  url = await freshDatabase();
  database = await migratedDatabase(url);
});

afterAll(async () => {
  await database.close();
});

interface Candidate {
  readonly acquired: Promise<HeldLease>;
  readonly events: FarshoreEvent[];
}

const candidates: { readonly stop: AbortController; readonly acquired: Promise<HeldLease> }[] = [];

afterEach(async () => {
  const ended = candidates.splice(0);
  for (const { stop } of ended) stop.abort();
  for (const outcome of await Promise.allSettled(ended.map(({ acquired }) => acquired))) {
    if (outcome.status === 'fulfilled') await outcome.value.release();
  }
  await eventually(async () => (await lockHolders()) === 0);
});

/** A clock whose renewals never come: the process it stands for has been stopped. */
const stopped: Clock = { ...systemClock, sleep: (_ms, signal) => systemClock.sleep(1_000_000, signal) };

function candidate(holder: string, changes: { readonly ttlMs?: number; readonly via?: string; readonly clock?: Clock } = {}): Candidate {
  const { ttlMs = 60_000, via = url, clock = systemClock } = changes;
  const events: FarshoreEvent[] = [];
  const own = openDatabase(via, { applicationName: holder });
  const stop = new AbortController();
  const acquired = acquireLease(
    {
      holder,
      ttlMs,
      pollMs: 20,
      clock,
      connect: (signal) => own.connect(signal),
      observe: (event) => events.push(event),
    },
    stop.signal,
  );
  // All of them stop before any of them lets go, else the lease only wanders on to the next.
  candidates.push({ stop, acquired });
  return { acquired, events };
}

const lockHolders = async () =>
  Number(
    (await rowsOf(database, `select count(*) as n from pg_locks where locktype = 'advisory' and classid = ${leaseLock.classId}`))[0]?.n,
  );
const row = async () => (await rowsOf(database, 'select holder, epoch, expires_at > clock_timestamp() as stands from farshore.lease'))[0];
const terminate = async (holder: string) => {
  await rowsOf(database, 'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [holder]);
};
const waiting = ({ events }: Candidate) => events.some((event) => event.type === 'lease' && event.state === 'waiting');

describe('the lease', () => {
  it('is taken at once when it is free, with a higher epoch each time', async () => {
    const first = await candidate('first').acquired;
    expect(await row()).toEqual({ holder: 'first', epoch: `${first.epoch}`, stands: 't' });
    await first.release();
    const second = await candidate('second').acquired;
    expect(second.epoch).toBeGreaterThan(first.epoch);
  });

  it('is waited for while somebody holds it, and comes when it is released', async () => {
    const first = await candidate('first').acquired;
    const standby = candidate('standby');
    await eventually(() => waiting(standby));
    expect(await row()).toMatchObject({ holder: 'first', epoch: `${first.epoch}` });
    await first.release();
    expect((await standby.acquired).epoch).toBe(first.epoch + 1n);
  });

  it('goes to the standby at once when the holder’s session ends, and the holder learns that it is fenced', async () => {
    const first = candidate('first', { ttlMs: 600 });
    const held = await first.acquired;
    const standby = candidate('standby');
    await eventually(() => waiting(standby));
    await terminate('first');
    const taken = await standby.acquired;
    expect(taken.epoch).toBe(held.epoch + 1n);
    expect((await held.lost).code).toBe('fenced');
    expect(first.events).toContainEqual({ type: 'lease', state: 'lost', epoch: held.epoch });
    expect(await rejectionOf(held.check(never))).toMatchObject({ code: 'fenced' });
  });

  it('is kept through a lost session when nobody else was there', async () => {
    const held = await candidate('first', { ttlMs: 600 }).acquired;
    await terminate('first');
    await eventually(async () => (await lockHolders()) === 0);
    await eventually(async () => (await lockHolders()) === 1);
    await held.check(never);
    expect(await row()).toEqual({ holder: 'first', epoch: `${held.epoch}`, stands: 't' });
  });

  it('is renewed for longer than it stands', async () => {
    const held = await candidate('first', { ttlMs: 300 }).acquired;
    const [start] = await rowsOf(database, 'select expires_at as first from farshore.lease');
    await eventually(async () => {
      const [now] = await rowsOf(database, 'select clock_timestamp() > $1::timestamptz as over from farshore.lease', [start?.first]);
      return now?.over === 't';
    });
    await held.check(never);
    expect(await row()).toMatchObject({ epoch: `${held.epoch}` });
  });

  it('is taken from a holder that was stopped with its session open, once its row has expired', async () => {
    const zombie = await candidate('zombie', { ttlMs: 300, clock: stopped }).acquired;
    const standby = await candidate('standby', { ttlMs: 300 }).acquired;
    expect(standby.epoch).toBe(zombie.epoch + 1n);
    expect(await rejectionOf(zombie.check(never))).toMatchObject({ code: 'fenced' });
    await standby.check(never);
  });

  it('is taken without the lock where the stopped holder’s session may not be ended', async () => {
    const role = `standby_${process.pid}`;
    await executeDdl(
      database,
      [
        `create role ${role} login`,
        `grant usage on schema farshore to ${role}`,
        `grant select, insert, update on farshore.lease, farshore.apply_positions to ${role}`,
      ],
      never,
    );
    onTestFinished(() => executeDdl(database, [`drop owned by ${role}`, `drop role ${role}`], never));
    // The holder is a superuser here, whose session a plain role may not end.
    const zombie = await candidate('zombie', { ttlMs: 300, clock: stopped }).acquired;
    const standby = await candidate('standby', { ttlMs: 300, via: url.replace(/\/\/[^@]*@/, `//${role}@`) }).acquired;
    expect(standby.epoch).toBe(zombie.epoch + 1n);
    await standby.check(never);
    expect(await rejectionOf(zombie.check(never))).toMatchObject({ code: 'fenced' });
    await standby.release();
  });

  it('is lost when the database does not answer before it expires', async () => {
    const proxy = await proxyTo(url);
    const distant = candidate('distant', { ttlMs: 400, via: proxy.url });
    const held = await distant.acquired;
    proxy.muteServer();
    const reason = await held.lost;
    expect(reason).toMatchObject({ code: 'lease_lost', hint: expect.stringMatching(/./) });
    proxy.cut();
  });

  it('gives no epoch twice, also when the row was lost', async () => {
    const first = await candidate('first').acquired;
    await rowsOf(
      database,
      "insert into farshore.apply_positions (topic, partition, topic_id, next_offset, epoch) values ('t', 0, gen_random_uuid(), 0, $1)",
      [first.epoch],
    );
    await first.release();
    await rowsOf(database, 'delete from farshore.lease');
    const second = await candidate('second').acquired;
    expect(second.epoch).toBe(first.epoch + 1n);
  });

  it('goes to exactly one of many that start together', async () => {
    const all = Array.from({ length: 5 }, (_, index) => candidate(`starter ${index}`));
    const held = await Promise.race(all.map(({ acquired }) => acquired));
    await eventually(() => all.filter(waiting).length === 4);
    expect(all.flatMap(({ events }) => events).filter((event) => event.type === 'lease' && event.state === 'acquired')).toHaveLength(1);
    await held.check(never);
  });

  it('is waited for while the database is not there', async () => {
    const proxy = await proxyTo(url);
    const distant = candidate('distant', { via: proxy.url.replace(/:\d+\//, ':1/') });
    await eventually(() => distant.events.some((event) => event.type === 'component' && !event.up));
    expect(waiting(distant)).toBe(false);
  });
});

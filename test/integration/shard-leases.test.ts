import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SHARD_FUNCTION } from '../../src/mirror/shards.ts';
import { type Clock, systemClock } from '../../src/model/clock.ts';
import { FarshoreError } from '../../src/model/errors.ts';
import type { Database } from '../../src/postgres/database.ts';
import { applyPositions } from '../../src/postgres/positions.ts';
import { ShardLeases, shardHolders } from '../../src/postgres/shard-leases.ts';
import { type ShardLedger, shardLedger } from '../../src/postgres/shard-ledger.ts';
import { eventually, freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

describe('the leases of shards', () => {
  let database: Database;
  let ledger: ShardLedger;

  beforeAll(async () => {
    database = await migratedDatabase(await freshDatabase());
    ledger = shardLedger(database);
  });
  beforeEach(async () => {
    await rowsOf(database, 'delete from farshore.lease');
    await ledger.record('us-east', { shards: 6, function: SHARD_FUNCTION }, never);
  });
  afterAll(async () => {
    await database?.close();
  });

  const leasesOf = (holder: string, changes: { ttlMs?: number; shards?: number; clock?: Clock } = {}): ShardLeases => {
    const { ttlMs = 60_000, shards = 6, clock = systemClock } = changes;
    return new ShardLeases(database, clock, { holder, ttlMs, primary: 'us-east', shards });
  };

  it('lets one daemon hold a shard, and another one at once when it is given up', async () => {
    const [a, b] = [leasesOf('a'), leasesOf('b')];
    const held = await a.take(3, never);
    expect(held?.epoch).toBeGreaterThan(0n);
    expect(await b.take(3, never)).toBeUndefined();
    expect(await a.take(3, never)).toBeUndefined();
    expect(await shardHolders(database, never)).toEqual([{ shard: 3, holder: 'a', epoch: held?.epoch }]);
    await a.release(held!, never);
    await expect(held!.check(never)).rejects.toMatchObject({ code: 'lease_lost' });
    expect((await b.take(3, never))?.epoch).toBeGreaterThan(held!.epoch);
  });

  it('C10: a daemon that slept through its lease is told so when it asks, and never takes back by renewing', async () => {
    const stopped: Clock = { ...systemClock, sleep: (_ms, signal) => systemClock.sleep(1_000_000, signal) };
    const [zombie, heir] = [leasesOf('zombie', { ttlMs: 200, clock: stopped }), leasesOf('heir')];
    const held = (await zombie.take(0, never))!;
    await held.check(never);
    const taken = await eventually(async () => await heir.take(0, never), { what: 'the lease running out' });
    await expect(held.check(never)).rejects.toMatchObject({ code: 'fenced' });
    expect(await held.lost).toMatchObject({ code: 'fenced' });
    await taken!.check(never);
  });

  it('gives every takeover an epoch above all that positions and other leases have', async () => {
    const a = leasesOf('a');
    const first = (await a.take(0, never))!;
    const topicId = '7d9f6b1e-0000-4000-8000-0123456789ab';
    await applyPositions(database).take([{ topic: 'billing', partition: 0, topicId }], 4_711n, never);
    const second = (await a.take(1, never))!;
    expect(second.epoch).toBeGreaterThan(4_711n);
    await a.release(first, never);
    expect((await leasesOf('b').take(0, never))!.epoch).toBeGreaterThan(second.epoch);
  });

  it('C13: are taken of the recorded division only, and of none while it is being changed', async () => {
    expect(await leasesOf('a', { shards: 4 }).take(0, never)).toBeUndefined();
    await ledger.announce('us-east', 4, never);
    expect(await leasesOf('a').take(0, never)).toBeUndefined();
    expect(await leasesOf('a', { shards: 4 }).take(0, never)).toBeUndefined();
    await ledger.record('us-east', { shards: 4, function: SHARD_FUNCTION }, never);
    expect(await leasesOf('a', { shards: 4 }).take(0, never)).toBeDefined();
  });

  it('are renewed together, and lost by the own clock when no renewal is answered', async () => {
    const leases = leasesOf('a', { ttlMs: 600 });
    const held = [(await leases.take(0, never))!, (await leases.take(5, never))!];
    const stop = new AbortController();
    const running = leases.run(stop.signal);
    const renewed = async (): Promise<boolean> =>
      (await rowsOf(database, "select 1 from farshore.lease where name in ('shard-0', 'shard-5') and renewed_at > acquired_at")).length ===
      2;
    await eventually(renewed, { what: 'both being renewed' });
    stop.abort();
    await running;
    const failing = new ShardLeases(
      {
        query: async (statement, signal) => {
          if (statement.name === 'farshore_shards_renew') throw new FarshoreError('database_unreachable', 'away');
          return await database.query(statement, signal);
        },
      },
      systemClock,
      { holder: 'c', ttlMs: 300, primary: 'us-east', shards: 6 },
    );
    const alone = (await failing.take(2, never))!;
    const failingStop = new AbortController();
    const failingRun = failing.run(failingStop.signal);
    expect(await alone.lost).toMatchObject({ code: 'lease_lost' });
    failingStop.abort();
    await failingRun;
    for (const one of held) await leases.release(one, never);
  });
});

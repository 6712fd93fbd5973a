import { describe, expect, it } from 'vitest';
import type { Database } from '../../../src/postgres/database.ts';
import { ShardLeases } from '../../../src/postgres/shard-leases.ts';
import { TestClock } from '../lag/test-clock.ts';

const never = new AbortController().signal;

describe('leases of shards whose database falls silent', () => {
  it('are lost when they run out, also while a check holds the renewal', async () => {
    const clock = new TestClock();
    let silent = false;
    const database: Pick<Database, 'query'> = {
      query: async (_statement, signal) => {
        if (!silent) return { rows: [{ epoch: '3' }], rowCount: 1 } as unknown as Awaited<ReturnType<Database['query']>>;
        const answer = Promise.withResolvers<never>();
        signal.addEventListener('abort', () => answer.reject(signal.reason));
        return await answer.promise;
      },
    };
    const leases = new ShardLeases(database, clock, { holder: 'a', ttlMs: 10_000, primary: 'main', shards: 2 });
    const held = (await leases.take(0, never))!;
    silent = true;
    const lost: unknown[] = [];
    void held.lost.then((reason) => lost.push(reason));
    const stop = new AbortController();
    const running = leases.run(stop.signal);
    await clock.advance(3_000);
    const checked: unknown[] = [];
    held.check(never).catch((error: unknown) => checked.push(error));
    await clock.advance(8_200);
    expect(lost).toMatchObject([{ code: 'lease_lost' }]);
    expect(checked).toHaveLength(1);
    await expect(held.check(never)).rejects.toBe(lost[0]);
    stop.abort();
    await running;
  });
});

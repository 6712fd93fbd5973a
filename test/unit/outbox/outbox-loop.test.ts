import { describe, expect, it } from 'vitest';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { OutboxLoop } from '../../../src/outbox/outbox-loop.ts';
import type { TurnOutcome } from '../../../src/outbox/relay.ts';
import { TestClock } from '../lag/test-clock.ts';

/** A loop over turns that the test scripts: what each comes to, or rejects with. */
function loop(turns: (TurnOutcome | Error)[]) {
  const clock = new TestClock();
  const events: FarshoreEvent[] = [];
  const did: string[] = [];
  const away = { isAway: false };
  const prune: { calls: number; fails: Error | undefined; rows: number } = { calls: 0, fails: undefined, rows: 0 };
  const bell: { ring: () => void } = { ring: () => undefined };
  const stop = new AbortController();
  const one = new OutboxLoop(
    {
      relay: {
        turn: async () => {
          did.push('turn');
          const next = turns.shift() ?? { kind: 'idle' };
          if (next instanceof Error) throw next;
          return next;
        },
      },
      store: {
        backlog: async () => {
          if (away.isAway) throw new FarshoreError('database_unreachable', 'away');
          return { unpublished: 3, held: 1, oldestSeconds: 9 };
        },
        prune: async () => {
          prune.calls++;
          if (prune.fails !== undefined) throw prune.fails;
          return prune.rows;
        },
      },
      wakeups: {
        listening: true,
        listen: (ring, signal) => {
          bell.ring = ring;
          return new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
        },
      },
      prepare: async () => void did.push('prepare'),
      observe: (event) => events.push(event),
      clock,
    },
    { pollMs: 100, keepMs: 1_000 },
  );
  const running = one.run(stop.signal).catch((error: unknown) => error);
  const end = async () => {
    stop.abort(new Error('stopped'));
    await running;
  };
  return { one, clock, events, did, away, prune, bell, end, running };
}

describe('the loop of the outbox', () => {
  it('goes from batch to batch, and rests only when nothing is due', async () => {
    const { did, clock, end } = loop([
      { kind: 'published', rows: 5 },
      { kind: 'refused', rows: 1 },
      { kind: 'published', rows: 5 },
    ]);
    await clock.advance(1);
    expect(did).toEqual(['prepare', 'turn', 'turn', 'turn', 'turn']);
    await clock.advance(100);
    expect(did).toHaveLength(6);
    await end();
  });

  it('is woken by an insert, once for as many as came, and a wake-up during a turn is not lost', async () => {
    const { did, clock, bell, end } = loop([]);
    await clock.advance(1);
    const turns = () => did.filter((what) => what === 'turn').length;
    expect(turns()).toBe(1);
    bell.ring();
    bell.ring();
    await clock.advance(1);
    expect(turns()).toBe(2);
    await clock.advance(98);
    expect(turns()).toBe(2);
    await clock.advance(3);
    expect(turns()).toBe(3);
    await end();
  });

  it('a wake-up does not shorten the pause after a failure', async () => {
    const { did, clock, bell, end } = loop([new FarshoreError('cluster_unreachable', 'away')]);
    await clock.advance(1);
    bell.ring();
    await clock.advance(50);
    expect(did).toEqual(['prepare', 'turn']);
    await clock.advance(50);
    // The wake-up was kept for the next rest.
    expect(did).toEqual(['prepare', 'turn', 'turn', 'turn']);
    await end();
  });

  it('tries again with growing pauses, and tells a failure once for as long as it lasts', async () => {
    const failing = () => new FarshoreError('cluster_unreachable', 'away');
    const { did, clock, events, end } = loop([failing(), failing(), failing(), { kind: 'idle' }, failing()]);
    await clock.advance(1);
    expect(did).toEqual(['prepare', 'turn']);
    await clock.advance(100);
    await clock.advance(200);
    await clock.advance(400);
    expect(did.filter((what) => what === 'turn')).toHaveLength(4);
    expect(events).toMatchObject([{ type: 'outbox_failed', code: 'cluster_unreachable' }]);
    await clock.advance(100);
    expect(events).toHaveLength(2);
    await end();
  });

  it('ends for what halts the daemon', async () => {
    const fenced = new FarshoreError('fenced', 'another holds the lease');
    expect(await loop([fenced]).running).toBe(fenced);
  });

  it('does not know its backlog while the database is away', async () => {
    const { one, clock, away, end } = loop([]);
    await clock.advance(1);
    expect(one.backlog).toEqual({ unpublished: 3, held: 1, oldestSeconds: 9 });
    away.isAway = true;
    await clock.advance(2_000);
    expect(one.backlog).toBeUndefined();
    await end();
  });

  it('knows its backlog while old rows cannot be deleted, and tells that once a minute', async () => {
    const { one, clock, events, prune, end } = loop([]);
    prune.fails = new FarshoreError('database_denied', 'no delete', { hint: 'grant it' });
    await clock.advance(1);
    // Without it nothing says how old the oldest row is, and the alert on that is silent.
    expect(one.backlog).toMatchObject({ oldestSeconds: 9 });
    const told = { type: 'job_failed', job: 'prune_outbox', code: 'database_denied', message: 'no delete', hint: 'grant it' };
    expect(events).toEqual([told]);
    for (let seconds = 0; seconds < 60; seconds += 2) await clock.advance(2_000);
    expect(one.backlog).toMatchObject({ oldestSeconds: 9 });
    expect([events, prune.calls]).toEqual([[told, told], 2]);
    await end();
  });

  it('deletes also while the backlog cannot be counted, and leaves it to others to tell that the database is away', async () => {
    const { clock, events, away, prune, end } = loop([]);
    await clock.advance(1);
    away.isAway = true;
    prune.fails = new FarshoreError('database_unreachable', 'away');
    for (let seconds = 0; seconds < 60; seconds += 2) await clock.advance(2_000);
    expect([prune.calls, events]).toEqual([2, []]);
    await end();
  });

  it('deletes batch after batch while each is full', async () => {
    const { clock, prune, end } = loop([]);
    prune.rows = 10_000;
    await clock.advance(1);
    await clock.advance(2_000);
    prune.rows = 9_999;
    for (let seconds = 0; seconds < 30; seconds += 2) await clock.advance(2_000);
    expect(prune.calls).toBe(3);
    await end();
  });

  it('ends for a prune that is fenced', async () => {
    const { clock, prune, running } = loop([]);
    const fenced = new FarshoreError('fenced', 'another holds the lease');
    prune.fails = fenced;
    await clock.advance(1);
    expect(await running).toBe(fenced);
  });
});

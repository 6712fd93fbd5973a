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
        prune: async () => 0,
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
  return { one, clock, events, did, away, bell, end, running };
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
});

import { describe, expect, it } from 'vitest';
import { FarshoreError } from '../../../src/model/errors.ts';
import { HeldLease, type LeaseSession } from '../../../src/postgres/held-lease.ts';
import type { PipelineResult } from '../../../src/postgres/pipeline.ts';
import { TestClock } from '../lag/test-clock.ts';

const never = new AbortController().signal;
const TTL = 10_000;
const renewed = [{ rowCount: 1, rows: [{ locked: 't' }] }] as unknown as readonly PipelineResult[];

/** A session whose answers the test gives, as late as it likes; one that is given up is broken, as a real one is. */
function session() {
  const asked: PromiseWithResolvers<readonly PipelineResult[]>[] = [];
  const state = { broken: false, destroyed: false };
  const self: LeaseSession = {
    get broken() {
      return state.broken;
    },
    run: async (_statements, signal) => {
      const answer = Promise.withResolvers<readonly PipelineResult[]>();
      asked.push(answer);
      signal.addEventListener('abort', () => {
        state.broken = true;
        answer.reject(signal.reason);
      });
      return await answer.promise;
    },
    close: async () => undefined,
    destroy: () => {
      state.broken = true;
      state.destroyed = true;
    },
  };
  return { self, asked, state };
}

function held(connect: () => Promise<LeaseSession> = async () => await new Promise(() => undefined)) {
  const clock = new TestClock();
  const first = session();
  const lease = new HeldLease({
    ...{ holder: 'a', ttlMs: TTL, clock, connect, observe: () => undefined, session: first.self, locked: true, epoch: 7n },
    validUntilMs: clock.monotonicMs() + TTL,
  });
  const lost: FarshoreError[] = [];
  void lease.lost.then((reason) => lost.push(reason));
  return { clock, lease, first, lost };
}

const outcome = (work: Promise<unknown>): { readonly got: unknown[] } => {
  const got: unknown[] = [];
  work.then(
    () => got.push('done'),
    (error: unknown) => got.push(error),
  );
  return { got };
};

describe('a lease whose database falls silent', () => {
  it('is lost when it runs out, also while a check holds the renewal', async () => {
    const { clock, lease, first, lost } = held();
    await clock.advance(3_000);
    const checked = outcome(lease.check(never));
    await clock.advance(6_900);
    expect([first.asked.length, lost, checked.got]).toEqual([1, [], []]);
    await clock.advance(1_200);
    expect(lost).toMatchObject([{ code: 'lease_lost' }]);
    expect(checked.got).toMatchObject([{ code: expect.stringMatching(/lease_lost|database_unreachable/) }]);
    expect(first.state.broken).toBe(true);
  });

  it('keeps no check waiting for a turn for longer than it stands', async () => {
    const { clock, lease } = held();
    await clock.advance(3_000);
    const [one, two] = [outcome(lease.check(never)), outcome(lease.check(never))];
    await clock.advance(8_200);
    expect([one.got.length, two.got.length]).toEqual([1, 1]);
  });

  it('gives a check up with the signal of who asked, also before its turn', async () => {
    const { clock, lease, first } = held();
    void lease.check(never).catch(() => undefined);
    const asking = new AbortController();
    const checked = outcome(lease.check(asking.signal));
    asking.abort(new Error('not asked any more'));
    await clock.advance(1);
    expect(checked.got).toMatchObject([{ message: 'not asked any more' }]);
    first.asked[0]!.resolve(renewed);
    await clock.advance(1);
    // Its turn came, and it asked nothing.
    expect(first.asked).toHaveLength(1);
  });

  it('lets no check succeed that was answered after it was lost, and leaves no session behind', async () => {
    const late = session();
    const connected = Promise.withResolvers<LeaseSession>();
    // As a connection that was opened just as it was given up.
    const { clock, lease, first, lost } = held(() => connected.promise);
    first.state.broken = true;
    const checked = outcome(lease.check(never));
    await clock.advance(TTL + TTL / 10);
    expect(lost).toHaveLength(1);
    connected.resolve(late.self);
    await clock.advance(1);
    expect(late.state.destroyed).toBe(true);
    expect(late.asked).toEqual([]);
    expect(checked.got).toHaveLength(1);
    expect(checked.got[0]).toBeInstanceOf(FarshoreError);
    await expect(lease.check(never)).rejects.toBe(lost[0]);
  });

  it('is renewed by a check, as ever', async () => {
    const { clock, lease, first, lost } = held();
    await clock.advance(3_000);
    const checked = outcome(lease.check(never));
    await clock.advance(1);
    first.asked[0]!.resolve(renewed);
    await clock.advance(9_000);
    expect(checked.got).toEqual(['done']);
    expect(lost).toEqual([]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideLease } from '../../../src/postgres/lease-decision.ts';

const times = { pollMs: 500, graceMs: 3_000 };
const row = (expiresInMs: number) => ({ holder: 'a', epoch: 4n, expiresInMs });

describe('decideLease', () => {
  it('takes over at once when the holder’s session is gone, however long its row stands', () => {
    expect(decideLease(row(9_000), true, 0, times)).toEqual({ kind: 'take' });
  });

  it('takes a lease that nobody ever had', () => {
    expect(decideLease(undefined, true, 0, times)).toEqual({ kind: 'take' });
  });

  it('waits while the row stands, and looks again when it expires', () => {
    expect(decideLease(row(9_000), false, 0, times)).toEqual({ kind: 'wait', ms: 500 });
    expect(decideLease(row(120), false, 0, times)).toEqual({ kind: 'wait', ms: 120 });
  });

  it('leaves a session with the lock alone for the grace: it may be about to write the row', () => {
    expect(decideLease(row(-1), false, 0, times)).toEqual({ kind: 'wait', ms: 500 });
    expect(decideLease(undefined, false, 2_900, times)).toEqual({ kind: 'wait', ms: 100 });
  });

  it('ends the session of a holder that stopped renewing', () => {
    expect(decideLease(row(-3_000), false, 3_000, times)).toEqual({ kind: 'force' });
    expect(decideLease(undefined, false, 3_000, times)).toEqual({ kind: 'force' });
  });

  it('never touches a holder whose row stands and whose session is open', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.nat(1e6), (expiresInMs, lockedSinceMs) => {
        const decision = decideLease(row(expiresInMs), false, lockedSinceMs, times);
        return decision.kind === 'wait' && decision.ms > 0 && decision.ms <= times.pollMs;
      }),
    );
  });
});

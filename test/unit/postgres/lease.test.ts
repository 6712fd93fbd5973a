import { describe, expect, it } from 'vitest';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import type { LeaseSession } from '../../../src/postgres/held-lease.ts';
import { acquireLease } from '../../../src/postgres/lease.ts';
import type { PipelineResult } from '../../../src/postgres/pipeline.ts';
import { TestClock } from '../lag/test-clock.ts';

const heldByAnother = [
  { rowCount: 1, rows: [{ locked: 'f', holder: 'another', epoch: '4', expires_in_ms: '9000', lock_pid: '1' }] },
] as unknown as readonly PipelineResult[];

describe('a standby', () => {
  it('tells with its first look how the database is, which the daemon before it may have left as down, and then what changes', async () => {
    const clock = new TestClock();
    const events: FarshoreEvent[] = [];
    const stop = new AbortController();
    let isAway = false;
    const session: LeaseSession = {
      broken: false,
      run: async () => {
        if (isAway) throw new FarshoreError('database_unreachable', 'gone');
        return heldByAnother;
      },
      close: async () => undefined,
      destroy: () => undefined,
    };
    const options = { holder: 'a', ttlMs: 10_000, pollMs: 500, clock, connect: async () => session };
    const waiting = acquireLease({ ...options, observe: (event) => events.push(event) }, stop.signal);
    waiting.catch(() => undefined);
    const told = () => events.flatMap((event) => (event.type === 'component' ? [event.up] : []));
    await clock.advance(2_000);
    expect(told()).toEqual([true]);
    isAway = true;
    await clock.advance(2_000);
    isAway = false;
    await clock.advance(2_000);
    expect(told()).toEqual([true, false, true]);
    stop.abort();
    await expect(waiting).rejects.toThrow();
  });
});

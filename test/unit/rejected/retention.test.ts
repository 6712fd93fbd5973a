import { describe, expect, it } from 'vitest';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { KeptCounts } from '../../../src/rejected/kept-counts.ts';
import { expireRejected } from '../../../src/rejected/retention.ts';
import { TestClock } from '../lag/test-clock.ts';

describe('the retention of rejected records', () => {
  it('deletes in bounded batches until fewer are left than one holds', async () => {
    const answers = [1_000, 1_000, 3];
    const asked: [number, number][] = [];
    const told: number[] = [];
    const expire = async (days: number, limit: number) => {
      asked.push([days, limit]);
      return answers.shift()!;
    };
    await expireRejected(30, { expire }, (records) => told.push(records), new AbortController().signal);
    expect(asked).toEqual([
      [30, 1_000],
      [30, 1_000],
      [30, 1_000],
    ]);
    expect(told).toEqual([1_000, 1_000, 3]);
  });

  it('tells what was deleted before it failed', async () => {
    const told: number[] = [];
    let calls = 0;
    const expire = async () => {
      if (calls++ === 1) throw new FarshoreError('database_unreachable', 'gone');
      return 1_000;
    };
    const pass = expireRejected(30, { expire }, (records) => told.push(records), new AbortController().signal);
    await expect(pass).rejects.toThrow('gone');
    expect(told).toEqual([1_000]);
  });
});

describe('the counts of kept records', () => {
  it('are unknown while the database does not answer, not what they were', async () => {
    const clock = new TestClock();
    const stop = new AbortController();
    let fails = false;
    const counts = async () => {
      if (fails) throw new FarshoreError('database_unreachable', 'gone');
      return [{ table: 'public.invoices', records: 2, parked: 0 }];
    };
    const kept = new KeptCounts({ counts }, clock, () => undefined);
    expect(kept.current).toBeUndefined();
    const running = kept.run(stop.signal);
    await clock.advance(1);
    expect(kept.current).toEqual([{ table: 'public.invoices', records: 2, parked: 0 }]);
    fails = true;
    await clock.advance(10_000);
    expect(kept.current).toBeUndefined();
    fails = false;
    await clock.advance(10_000);
    expect(kept.current).toHaveLength(1);
    stop.abort();
    await expect(running).rejects.toThrow();
  });

  it('are unknown while a grant is missing, which is told once: a figure is no reason to end the daemon', async () => {
    const clock = new TestClock();
    const stop = new AbortController();
    const events: FarshoreEvent[] = [];
    let error: Error | undefined = new FarshoreError('database_denied', 'permission denied for table rejected', { hint: 'grant it' });
    const counts = async () => {
      if (error !== undefined) throw error;
      return [];
    };
    const kept = new KeptCounts({ counts }, clock, (event) => events.push(event));
    const running = kept.run(stop.signal);
    running.catch(() => undefined);
    await clock.advance(30_000);
    expect([kept.current, kept.atMs]).toEqual([undefined, undefined]);
    expect(events).toEqual([
      {
        type: 'figure_unknown',
        what: 'kept_records',
        code: 'database_denied',
        message: 'permission denied for table rejected',
        hint: 'grant it',
      },
    ]);
    error = undefined;
    await clock.advance(10_000);
    expect(kept.current).toEqual([]);
    error = new FarshoreError('fenced', 'another took over');
    await clock.advance(10_000);
    await expect(running).rejects.toThrow('another took over');
  });
});

import { describe, expect, it, vi } from 'vitest';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { cronProblem, cronTrigger } from '../../../src/schedule/cron.ts';
import { type Job, Schedule } from '../../../src/schedule/schedule.ts';

function setup(run: Job['run']) {
  const events: FarshoreEvent[] = [];
  const ticks: (() => void)[] = [];
  const told = { expressions: [] as string[], stopped: 0 };
  const schedule = new Schedule(
    [{ name: 'expire_rejected', cron: '17 3 * * *', run }],
    (expression, tick) => {
      told.expressions.push(expression);
      ticks.push(tick);
      return { stop: () => told.stopped++ };
    },
    (event) => events.push(event),
  );
  const stop = new AbortController();
  return { schedule, events, told, stop, tick: () => ticks[0]!() };
}

/** Lets everything that is already settled go on. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the schedule', () => {
  it('runs a job at each tick, and never twice at once', async () => {
    const runs: PromiseWithResolvers<void>[] = [];
    const { schedule, told, stop, tick } = setup(() => {
      const run = Promise.withResolvers<void>();
      runs.push(run);
      return run.promise;
    });
    const running = schedule.run(stop.signal);
    tick();
    tick();
    expect([told.expressions, runs.length]).toEqual([['17 3 * * *'], 1]);
    runs[0]!.resolve();
    await settled();
    tick();
    expect(runs.length).toBe(2);
    runs[1]!.resolve();
    stop.abort();
    await running;
    expect(told.stopped).toBe(1);
  });

  it('tells a failed run and runs again at the next tick', async () => {
    let runs = 0;
    const { schedule, events, stop, tick } = setup(async () => {
      if (runs++ === 0) throw new FarshoreError('database_unreachable', 'It does not answer', { hint: 'Look at it.' });
    });
    const running = schedule.run(stop.signal);
    tick();
    await settled();
    expect(events).toEqual([
      { type: 'job_failed', job: 'expire_rejected', code: 'database_unreachable', message: 'It does not answer', hint: 'Look at it.' },
    ]);
    tick();
    await settled();
    expect([runs, events.length]).toEqual([2, 1]);
    stop.abort();
    await running;
  });

  it('ends after the run in hand, which the stop reaches, and starts none after it', async () => {
    let runs = 0;
    let ended = 0;
    const { schedule, events, stop, tick } = setup(async (signal) => {
      runs++;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await settled();
      ended++;
      throw signal.reason;
    });
    const running = schedule.run(stop.signal);
    tick();
    stop.abort();
    await running;
    tick();
    expect([runs, ended, events]).toEqual([1, 1, []]);
  });
});

describe('a cron expression', () => {
  it.each(['17 3 * * *', '*/5 * * * *', '0 4 * * sun'])('%s is one', (expression) => expect(cronProblem(expression)).toBeUndefined());

  it.each([
    ['61 3 * * *', 'minute'],
    ['* * * * * *', 'five fields, this one has 6'],
    ['daily', 'five fields, this one has 1'],
    ['0 25 * * *', 'hour'],
  ])('%s is none', (expression, reason) => expect(cronProblem(expression)).toContain(reason));

  it('ticks at its time in UTC until it is stopped', async () => {
    vi.useFakeTimers({ now: Date.parse('2026-03-28T12:00:00Z') });
    try {
      const ticks: string[] = [];
      const trigger = cronTrigger('17 3 * * *', () => ticks.push(new Date().toISOString().slice(0, 16)));
      await vi.advanceTimersByTimeAsync(2 * 86_400_000);
      expect(ticks).toEqual(['2026-03-29T03:17', '2026-03-30T03:17']);
      trigger.stop();
      await vi.advanceTimersByTimeAsync(2 * 86_400_000);
      expect(ticks.length).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });
});

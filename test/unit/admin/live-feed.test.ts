import { describe, expect, it } from 'vitest';
import type { AdminSource } from '../../../src/admin/contracts.ts';
import { LiveFeed, type LiveMessage } from '../../../src/admin/live-feed.ts';
import type { Clock } from '../../../src/model/clock.ts';
import type { LiveStatus, ToldEvent } from '../../../src/model/live.ts';
import { status, testSource } from './fixture.ts';

/** A clock whose time goes on only when the test says so. */
class HeldClock implements Clock {
  #nowMs = 1_000_000;
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();
  wallMs = (): number => this.#nowMs;
  monotonicMs = (): number => this.#nowMs;
  sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { untilMs: this.#nowMs + ms, wake: resolve };
    this.#sleepers.add(sleeper);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
    await promise.finally(() => this.#sleepers.delete(sleeper));
  };
  async pass(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const { untilMs, wake } of this.#sleepers) if (untilMs <= this.#nowMs) wake();
    await settled();
  }
}
/** Everything that was only waiting for a turn of the event loop has had it. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
};

async function setup(changes: Partial<AdminSource> = {}) {
  let counted = 0;
  const listeners = new Set<(event: ToldEvent) => void>();
  const clock = new HeldClock();
  const failures: unknown[] = [];
  const { source } = testSource({
    status: () => ({ ...status, counters: { mirroredRecords: String(counted), appliedRecords: '0' } }),
    events: {
      recent: () => [],
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    ...changes,
  });
  const feed = new LiveFeed(source, clock, (error) => failures.push(error));
  const stop = new AbortController();
  const running = feed.run(stop.signal);
  await settled();
  const join = () => {
    const heard: LiveMessage[] = [];
    const leave = feed.add((message) => heard.push(message));
    const statuses = (): readonly LiveStatus[] => heard.flatMap((one) => (one.event === 'status' ? [one.data] : []));
    return { heard, leave, statuses };
  };
  return { clock, feed, failures, listeners, join, mirror: (records: number) => (counted += records), stop, running };
}

describe('the live feed', () => {
  it('tells the status at once and each second to whoever looks, with the rate since the last', async () => {
    const { clock, join, mirror } = await setup();
    const { heard, statuses } = join();
    await settled();
    expect(heard.map(({ event }) => event)).toEqual(['history', 'status']);
    await clock.pass(1_000);
    mirror(500);
    await clock.pass(1_000);
    expect(
      statuses()
        .slice(1)
        .map(({ sample }) => sample.mirroredPerSecond),
    ).toEqual([0, 500]);
    expect(statuses().at(-1)?.sample.lagSeconds).toEqual({ mirror: 1.5, apply: null, total: null });
  });

  it('judges the cutover from the first status on, with the hooks of its newest change, and not by an answer that is old', async () => {
    const plan = { state: 'draining', home: 'primary', open: 'nobody', since: new Date(1_000_000 - 400_000).toISOString() };
    const at = new Date(1_000_000 - 60_000).toISOString();
    const log = [
      { at, from: 'draining', to: 'draining', hooks: [] },
      { at, from: 'ready', to: 'draining', hooks: [{ hook: '1 dns-turn', result: 'failed', detail: null }] },
      { at, from: 'shadowing', to: 'ready', hooks: [{ hook: '2 tell', result: 'failed', detail: null }] },
    ];
    let answers = true;
    const answer = async (value: unknown): Promise<never> => {
      if (!answers) throw new Error('the database is away');
      return value as never;
    };
    const { source } = testSource();
    const cutover: AdminSource['cutover'] = { ...source.cutover, plan: () => answer(plan), log: () => answer(log) };
    const { clock, join } = await setup({ cutover });
    const { statuses } = join();
    await settled();
    const told = () =>
      statuses()
        .at(-1)
        ?.verdict.reasons.map(({ what }) => what);
    expect(statuses()).toHaveLength(1);
    expect(told()).toContain('The home has been moving for 400 s, and nobody may write');
    expect(told()).toContain('1 hook of the cutover failed: 1 dns-turn');
    answers = false;
    for (let second = 0; second < 20; second++) await clock.pass(1_000);
    expect(told()).toContain('Whether the home is being moved is not known');
  });

  it('keeps an hour of points while nobody looks, one in five seconds', async () => {
    const { clock, join, mirror } = await setup();
    for (let turn = 0; turn < 800; turn++) {
      mirror(50);
      await clock.pass(5_000);
    }
    const { heard } = join();
    const [first] = heard;
    const samples = first?.event === 'history' ? first.data.samples : [];
    expect(samples).toHaveLength(720);
    expect(samples.at(-1)?.mirroredPerSecond).toBe(10);
  });

  it('says nothing rather than what is not known to be so, and goes on', async () => {
    let broken = true;
    const { clock, join, failures } = await setup({
      status: () => {
        if (broken) throw new Error('not now');
        return status;
      },
    });
    const { statuses } = join();
    await clock.pass(1_000);
    expect([statuses(), failures.length > 0]).toEqual([[], true]);
    broken = false;
    await clock.pass(1_000);
    expect(statuses()).toHaveLength(1);
  });

  it('passes events on, and to nobody who has left or after the end', async () => {
    const { join, listeners, stop, running } = await setup();
    const [stays, goes] = [join(), join()];
    goes.leave();
    const event: ToldEvent = { id: 1, level: 'info', type: 'lease', message: 'lease acquired', firstAt: '', lastAt: '', times: 1 };
    for (const listener of listeners) listener(event);
    expect([stays, goes].map(({ heard }) => heard.filter((one) => one.event === 'happened').length)).toEqual([1, 0]);
    stop.abort();
    await running;
    expect(listeners.size).toBe(0);
  });
});

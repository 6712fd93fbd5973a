import { describe, expect, it } from 'vitest';
import type { Cutover } from '../../../src/cutover/state.ts';
import { type KeptTail, type TailStore, watchTail } from '../../../src/cutover/unmirrored-tail.ts';
import { measureUnmirroredTail } from '../../../src/metrics/cutover.ts';
import { Metrics } from '../../../src/metrics/metrics.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { TestClock } from '../lag/test-clock.ts';
import { cutover } from './fixtures.ts';

const TOPIC = 'billing.invoices';
const lost = { lagSeconds: 3, partitions: [{ topic: TOPIC, partition: 0, mirrored: '10', end: '12' }] };
const given = (changes: Partial<Cutover> = {}): Cutover =>
  cutover({ state: 'switched', home: 'region', open: 'region', kept: { results: {}, lost }, ...changes });

/** The table, which outlives a daemon, and a primary that answers or not. */
function region(before: readonly KeptTail[] = []) {
  const kept = new Map(before.map((tail) => [`${tail.topic}:${tail.partition}`, tail]));
  const state = { row: given() as Cutover | undefined, isAway: false, end: 15n };
  const store: TailStore = {
    keep: async (tails) => {
      for (const tail of tails) kept.set(`${tail.topic}:${tail.partition}`, { ...tail, foundAt: '' });
    },
    list: async () => [...kept.values()],
  };
  const homeAsItIs = async () => {
    if (state.isAway) throw new FarshoreError('cluster_unreachable', 'away');
    return [{ topic: TOPIC, partition: 0, end: state.end, highWatermark: state.end }];
  };
  const daemon = (clock = new TestClock()) => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    const events: FarshoreEvent[] = [];
    const stop = new AbortController();
    const parts = {
      row: () => state.row,
      logs: { homeAsItIs } as never,
      store,
      observe: (event: FarshoreEvent) => events.push(event),
      clock,
    };
    const running = watchTail({ ...parts, onKept: (tails) => measureUnmirroredTail(metrics, tails) }, stop.signal).catch(() => undefined);
    const shown = async () => (await metrics.render()).body.match(/^farshore_unmirrored_tail_kept_records.*$/gm) ?? [];
    const end = async () => {
      stop.abort();
      await running;
    };
    return { clock, events, shown, end };
  };
  return { state, daemon };
}

const sample = (records: number) => `farshore_unmirrored_tail_kept_records{topic="${TOPIC}"} ${records}`;

describe('C26: what a primary that was given up has and the region never had', () => {
  it('stays told over a restart, also while the primary is away again, until the cutover is completed', async () => {
    const { state, daemon } = region();
    const first = daemon();
    await first.clock.advance(1);
    expect(await first.shown()).toEqual([sample(5)]);
    expect(first.events).toMatchObject([{ type: 'unmirrored_tail_found', from: 10n, to: 15n }]);
    await first.end();
    state.isAway = true;
    const second = daemon();
    await second.clock.advance(1);
    expect([await second.shown(), second.events]).toEqual([[sample(5)], []]);
    state.row = given({ state: 'completed', kept: null });
    await second.clock.advance(10_000);
    expect(await second.shown()).toEqual([]);
    await second.end();
  });

  it('grows with what is written there', async () => {
    const { state, daemon } = region();
    const { clock, shown, end } = daemon();
    await clock.advance(1);
    state.end = 18n;
    await clock.advance(10_000);
    expect(await shown()).toEqual([sample(8)]);
    await end();
  });

  it('is not what an earlier loss left, and is not told before the stored cutover was read', async () => {
    const { state, daemon } = region([{ topic: TOPIC, partition: 0, from: 2n, to: 9n, foundAt: '' }]);
    state.row = undefined;
    state.isAway = true;
    const { clock, shown, end } = daemon();
    await clock.advance(1);
    expect(await shown()).toEqual([]);
    state.row = given();
    await clock.advance(10_000);
    expect(await shown()).toEqual([]);
    await end();
  });
});

import { describe, expect, it } from 'vitest';
import type { LogEnds, PartitionEnds } from '../../../src/lag/contracts.ts';
import { LagLoop } from '../../../src/lag/lag-loop.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import { TestClock } from './test-clock.ts';

type Mode = 'answers' | 'hangs' | 'hangs for ever' | 'fails' | 'halts' | 'leaves out';

/** One cluster whose answers the test steers. */
class TestCluster implements LogEnds {
  mode: Mode = 'answers';
  end = 0n;
  highWatermark: bigint | undefined;
  asked = 0;

  async ends(partitions: readonly { topic: string; partition: number }[], signal: AbortSignal): Promise<readonly PartitionEnds[]> {
    this.asked++;
    switch (this.mode) {
      case 'answers':
        return partitions.map((place) => ({ ...place, start: 0n, end: this.end, highWatermark: this.highWatermark ?? this.end }));
      case 'leaves out':
        return [];
      case 'fails':
        throw new FarshoreError('cluster_unreachable', 'no broker answered');
      case 'halts':
        throw new FarshoreError('cluster_wrong', 'another cluster');
      case 'hangs':
        return await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
      case 'hangs for ever':
        return await new Promise(() => undefined);
    }
  }
}

function setup() {
  const clock = new TestClock();
  const home = new TestCluster();
  const regional = new TestCluster();
  const state = { mirrored: 0n, applied: 0n, withApply: true, partitions: 1 };
  const reads: string[] = [];
  const numbers = () => Array.from({ length: state.partitions }, (_, partition) => partition);
  const sources = {
    home,
    regional,
    mirrorCommitted: () => numbers().map((partition) => ({ topic: 'r', homeTopic: 'h', partition, next: homeOffset(state.mirrored) })),
    applied: () => (state.withApply ? numbers().map((partition) => ({ topic: 'r', partition, next: regionalOffset(state.applied) })) : []),
  };
  const observer = {
    onRead: (cluster: string, read: { kind: string }) => reads.push(`${cluster} ${read.kind}`),
  };
  const loop = new LagLoop(sources, { intervalMs: 1_000, readLimitMs: 500 }, clock, observer);
  const stop = new AbortController();
  const lag = () => loop.snapshot().partitions[0]?.lag;
  return { clock, home, regional, state, reads, loop, stop, lag };
}

describe('C21: the lag loop', () => {
  it('knows nothing before the first read, and is near zero on an idle topic after it', async () => {
    const { clock, loop, stop, lag } = setup();
    expect(lag()?.total).toEqual({ known: false, seconds: null, records: null });
    const running = loop.run(stop.signal);
    await clock.advance(10_000);
    expect(lag()?.mirror).toEqual({ known: true, seconds: 0, records: '0' });
    await clock.advance(500);
    expect(lag()?.total).toMatchObject({ known: true, seconds: 0.5, records: '0' });
    stop.abort();
    await running;
  });

  it.each<Mode>(['hangs', 'hangs for ever', 'fails', 'leaves out'])(
    'goes on growing and turns unknown when the primary %s, while apply stays known',
    async (mode) => {
      const { clock, home, regional, loop, stop, lag, reads } = setup();
      const running = loop.run(stop.signal);
      await clock.advance(2_500);
      home.mode = mode;
      await clock.advance(60_000);
      expect(lag()?.mirror.known).toBe(false);
      expect(lag()?.mirror.seconds).toBeGreaterThan(59);
      expect(lag()?.total?.known).toBe(false);
      expect(lag()?.total?.seconds).toBeGreaterThan(59);
      expect(lag()?.apply?.known).toBe(true);
      expect(lag()?.apply?.seconds).toBeLessThanOrEqual(1);
      expect(regional.asked).toBeGreaterThan(59);
      if (mode !== 'leaves out') expect(reads).toContain('primary missed');
      home.mode = 'answers';
      await clock.advance(3_000);
      // A read that never ends is not followed by another: its cluster stays unknown.
      expect(lag()?.mirror.known).toBe(mode !== 'hangs for ever');
      stop.abort();
      await running;
    },
  );

  it('shows growing lag of a stage that is dead though both clusters answer', async () => {
    const { clock, home, regional, state, loop, stop, lag } = setup();
    const running = loop.run(stop.signal);
    await clock.advance(2_500);
    home.end = 100n;
    regional.end = 102n;
    state.mirrored = 100n;
    await clock.advance(30_000);
    expect(lag()).toMatchObject({
      mirror: { known: true, records: '0' },
      apply: { known: true, records: '102' },
      total: { records: '102' },
    });
    expect(lag()?.mirror.seconds).toBeLessThanOrEqual(1);
    expect(lag()?.apply?.seconds).toBeGreaterThan(29);
    state.applied = 102n;
    // A scrape between two reads sees the position as it is now.
    expect(lag()?.apply?.seconds).toBeLessThanOrEqual(1);
    expect(lag()?.total).toMatchObject({ known: true, records: '0' });
    stop.abort();
    await running;
  });

  it('gives mirror lag only for a topic that is not applied', async () => {
    const { clock, regional, state, loop, stop, lag } = setup();
    state.withApply = false;
    const running = loop.run(stop.signal);
    await clock.advance(2_000);
    expect(lag()).toMatchObject({ mirror: { known: true }, apply: null, total: null });
    expect(regional.asked).toBe(0);
    stop.abort();
    await running;
  });

  it('forgets partitions that are gone', async () => {
    const { clock, state, loop, stop } = setup();
    state.partitions = 3;
    const running = loop.run(stop.signal);
    await clock.advance(2_000);
    expect(loop.snapshot().partitions).toHaveLength(3);
    state.partitions = 0;
    await clock.advance(2_000);
    expect(loop.snapshot().partitions).toHaveLength(0);
    stop.abort();
    await running;
  });

  it('measures a last stable offset that stands still below its high watermark', async () => {
    const { clock, home, loop, stop } = setup();
    expect(loop.snapshot().stuckSeconds).toEqual({ primary: undefined, regional: undefined });
    const running = loop.run(stop.signal);
    await clock.advance(1_500);
    expect(loop.snapshot().stuckSeconds).toEqual({ primary: 0, regional: 0 });
    home.highWatermark = 5n;
    await clock.advance(10_000);
    expect(loop.snapshot().stuckSeconds.primary).toBeGreaterThanOrEqual(9);
    expect(loop.snapshot().stuckSeconds.regional).toBe(0);
    stop.abort();
    await running;
  });

  it('rejects for an error that halts the daemon, and ends both loops', async () => {
    const { clock, home, regional, loop, stop } = setup();
    home.mode = 'halts';
    const ended = expect(loop.run(stop.signal)).rejects.toMatchObject({ code: 'cluster_wrong' });
    await clock.advance(100);
    await ended;
    const { asked } = regional;
    await clock.advance(10_000);
    expect(regional.asked).toBe(asked);
  });
});

import { describe, expect, it } from 'vitest';
import { type RegionSeen, SharedRegion, type SharedRegionParts } from '../../../src/daemon/shared-region.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import { TestClock } from '../lag/test-clock.ts';

const parts = (changes: Partial<SharedRegionParts>): SharedRegionParts =>
  ({
    ...{ shards: 2, applied: new Set(['orders']), heartbeatTopic: undefined, resting: () => undefined, clock: new TestClock() },
    ...changes,
  }) as SharedRegionParts;

describe('a region that shards share', () => {
  it('shows a topic that vanished at home as stopped, with the partitions that it had', () => {
    const missing = new FarshoreError('topic_missing', 'gone', { hint: 'create it' });
    const region = new SharedRegion(
      parts({ keeper: { mirrored: [{ route: { home: 'orders', regional: 'orders' }, partitions: 2, missing }] } }),
    );
    expect([...region.mirrorStatuses()]).toMatchObject([
      { topic: 'orders', partition: 0, status: { state: 'stopped', code: 'topic_missing', message: 'gone', hint: 'create it' } },
      { topic: 'orders', partition: 1, status: { state: 'stopped', code: 'topic_missing' } },
    ]);
    expect([...region.mirrorProgress()]).toHaveLength(2);
    expect([...region.applyProgress()]).toHaveLength(2);
  });

  it('shows of a topic that may not be read that this is so, once, and all others as they are', async () => {
    const clock = new TestClock();
    const events: FarshoreEvent[] = [];
    const denied = new FarshoreError('cluster_denied', 'bills may not be described');
    const position = { topic: 'orders', partition: 0, topicId: 'A', next: homeOffset(5n), regionalEnd: undefined, leaderEpoch: 0, crc: 1 };
    const seen = {
      ...{ mirrored: new Map([['orders', [position]]]), refused: new Map([['bills', denied]]), applied: new Map(), stops: new Map() },
      holders: new Map([0, 1].map((shard) => [shard, { shard, holder: 'host' }])),
    } as unknown as RegionSeen;
    const mirrored = ['orders', 'bills'].map((topic) => ({ route: { home: topic, regional: topic }, partitions: 1 }));
    const region = new SharedRegion(
      parts({ clock, observe: (event) => events.push(event), keeper: { mirrored }, read: async () => seen, applied: new Set() }),
    );
    const stop = new AbortController();
    const running = region.run(stop.signal);
    await clock.advance(5_000);
    expect([...region.mirrorStatuses()].map(({ topic, status }) => [topic, status.state, status.message])).toEqual([
      ['orders', 'running', null],
      ['bills', 'waiting', 'where it stands may not be read: bills may not be described'],
    ]);
    expect(events).toEqual([{ type: 'region_look_failed', code: 'cluster_denied', reason: 'bills may not be described' }]);
    stop.abort();
    await clock.advance(1_000);
    await running;
  });

  it('is not shown as running by what was read long ago, and says why it cannot be read, once', async () => {
    const clock = new TestClock();
    const events: FarshoreEvent[] = [];
    let error: FarshoreError | undefined;
    const position = { topic: 'orders', partition: 0, topicId: 'A', next: homeOffset(5n), regionalEnd: undefined, leaderEpoch: 0, crc: 1 };
    const holder = (shard: number) => [shard, { shard, holder: 'host' }];
    const seen = {
      mirrored: new Map([['orders', [position]]]),
      refused: new Map(),
      applied: new Map([['orders:0', regionalOffset(5n)]]),
      stops: new Map(),
      holders: new Map([holder(0), holder(1)] as never),
    } as unknown as RegionSeen;
    const region = new SharedRegion(
      parts({
        ...{
          clock,
          observe: (event) => events.push(event),
          keeper: { mirrored: [{ route: { home: 'o', regional: 'orders' }, partitions: 1 }] },
        },
        read: async () => {
          if (error !== undefined) throw error;
          return seen;
        },
      }),
    );
    const stop = new AbortController();
    const shown = () => [...region.mirrorStatuses(), ...region.applyStatuses()].map(({ status }) => status.message ?? status.state);
    const running = region.run(stop.signal);
    await clock.advance(1_000);
    expect(shown()).toEqual(['running', 'running']);
    error = new FarshoreError('cluster_denied', 'orders may not be described');
    await clock.advance(3_000);
    expect(shown()).toEqual(['running', 'running']);
    await clock.advance(3_000);
    const old = expect.stringMatching(/^where the shards stand was read [56] s ago: orders may not be described$/);
    expect(shown()).toEqual([old, old]);
    expect(events).toEqual([{ type: 'region_look_failed', code: 'cluster_denied', reason: 'orders may not be described' }]);
    error = undefined;
    await clock.advance(1_000);
    expect(shown()).toEqual(['running', 'running']);
    stop.abort();
    await clock.advance(1_000);
    await running;
  });
});

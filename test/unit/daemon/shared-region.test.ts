import { describe, expect, it } from 'vitest';
import { SharedRegion, type SharedRegionParts } from '../../../src/daemon/shared-region.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { TestClock } from '../lag/test-clock.ts';

const parts = (changes: Partial<SharedRegionParts>): SharedRegionParts =>
  ({
    ...{ group: 'g', shards: 2, applied: new Set(['orders']), heartbeatTopic: undefined, resting: () => undefined, clock: new TestClock() },
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
});

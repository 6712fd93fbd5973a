import { describe, expect, it } from 'vitest';
import { targetsAfter } from '../../../src/kafka/tail-topic.ts';
import type { FetchedPartition, FetchTarget } from '../../../src/model/fetch.ts';

const target = (partition: number): FetchTarget => ({
  ...{ topic: 'requests', topicId: 'A', partition, offset: 5n, lastFetchedEpoch: 2, maxBytes: 1 },
});
const targets = new Map([0, 1].map((partition) => [partition, target(partition)]));
const batches = (partition: number, nextOffset: bigint): FetchedPartition => ({
  ...{ kind: 'batches', topic: 'requests', partition, batches: [], nextOffset, empty: true, highWatermark: 9n, lastStableOffset: 9n },
  ...{ logStartOffset: 0n, lastBatch: undefined, droppedAborted: 0, droppedControl: 0 },
});

describe('the tail of a topic after a round', () => {
  it('goes on from what each partition answered', () => {
    const after = targetsAfter(targets, [batches(1, 8n), { kind: 'retry', topic: 'requests', partition: 0, reason: '' }]);
    expect([...after.values()].map(({ offset, lastFetchedEpoch }) => [offset, lastFetchedEpoch])).toEqual([
      [5n, 2],
      [8n, 2],
    ]);
  });

  it('begins anew where one partition is lost, in whatever order they answer: one that answered behind it ended the daemon', () => {
    const lost: FetchedPartition = { kind: 'unknown_topic', topic: 'requests', partition: 0 };
    expect(targetsAfter(targets, [lost, batches(1, 8n)]).size).toBe(0);
    expect(targetsAfter(targets, [batches(1, 8n), lost]).size).toBe(0);
  });
});

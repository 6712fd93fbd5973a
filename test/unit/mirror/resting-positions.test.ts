import { expect, it } from 'vitest';
import type { MirrorDependencies, MirrorSettings } from '../../../src/mirror/dependencies.ts';
import { MirrorPartition } from '../../../src/mirror/partition.ts';
import { PartitionTable } from '../../../src/mirror/table.ts';
import { TopicRefresh } from '../../../src/mirror/topic-refresh.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import { TestClock } from '../lag/test-clock.ts';

const signal = new AbortController().signal;

it('a stopped topic whose position may not be read keeps no other from being read: the whole mirror stood for one right that was missing', async () => {
  const position = (topic: string) => ({
    ...{ topic, partition: 0, topicId: 'A', next: homeOffset(5n), leaderEpoch: 1, crc: 7 },
    regionalEnd: regionalOffset(6n),
  });
  const deps = {
    regional: {
      positions: async (topics: readonly string[]) => {
        if (topics.includes('denied')) throw new FarshoreError('cluster_denied', 'Describe is not allowed on denied');
        return new Map(topics.map((topic) => [topic, [position(topic)]]));
      },
      mirroredBehind: async () => new Map(),
      ends: async (places: readonly { topic: string; partition: number }[]) => places.map((place) => ({ ...place, start: 0n, end: 7n })),
    },
    kept: { last: () => undefined, found: () => undefined },
    observe: () => undefined,
    clock: new TestClock(),
  } as unknown as MirrorDependencies;
  const table = new PartitionTable();
  for (const regional of ['denied', 'other']) {
    const partition = new MirrorPartition({ home: regional, regional }, 0, { homeTopicId: 'A', maxBatchBytes: 1, compacted: false });
    partition.setMode({ mode: 'stopped', error: new FarshoreError('cluster_denied', 'not allowed'), since: '' });
    table.add(partition);
  }
  const refresh = new TopicRefresh(deps, {} as unknown as MirrorSettings, table);
  await refresh.startHeld(signal);
  expect([...table.all()].map(({ committed }) => committed?.next)).toEqual([undefined, 5n]);
});

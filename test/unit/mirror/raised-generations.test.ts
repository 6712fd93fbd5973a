import { describe, expect, it } from 'vitest';
import type { TopicLedger, TopicRecord } from '../../../src/mirror/contracts.ts';
import type { MirrorDependencies, MirrorSettings } from '../../../src/mirror/dependencies.ts';
import { MirrorPartition } from '../../../src/mirror/partition.ts';
import { PartitionTable } from '../../../src/mirror/table.ts';
import { mirroredConfigs } from '../../../src/mirror/topic-configs.ts';
import { TopicRefresh } from '../../../src/mirror/topic-refresh.ts';
import { homeOffset, offsetValue, regionalOffset } from '../../../src/model/offsets.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';
import { TestClock } from '../lag/test-clock.ts';

const topic = 'orders';
const signal = new AbortController().signal;
const HOME_START = 3n;
const HOME_END = 10n;
const REGIONAL_END = 12n;

const positionOf = (partition: number, next: bigint, topicId = 'A'): MirrorPosition => ({
  ...{ topic, partition, topicId, next: homeOffset(next), leaderEpoch: -1, crc: undefined },
  regionalEnd: regionalOffset(REGIONAL_END),
});

/** What one look records of a topic of two partitions, on both sides, and how it commits. */
async function looked(
  positions: readonly MirrorPosition[],
  { recorded, regionalTopicId = 'R' }: { readonly recorded: number; readonly regionalTopicId?: string },
) {
  const zero = new Map(Array.from({ length: recorded }, (_, partition) => [partition, regionalOffset(0n)]));
  const committed: MirrorPosition[] = [];
  let record: TopicRecord = {
    ...{ topic, home: 'us-east', homeEpoch: 1, homeTopicId: 'A', regionalTopicId, partitions: recorded },
    generations: [{ generation: 1, starts: zero }],
    mirroredFrom: zero,
    epochFrom: zero,
  };
  let raised: readonly (readonly [number, bigint])[] | undefined;
  const steps: string[] = [];
  const described = (topicId: string) => [{ topic, topicId, partitions: [{ partition: 0 }, { partition: 1 }] }];
  const ends = (end: bigint) => async (asked: readonly { readonly topic: string; readonly partition: number }[]) =>
    asked.map((place) => ({ ...place, start: HOME_START, end }));
  const published = { read: async () => new Map([[topic, { home: 'us-east', epoch: 1, fromOffsets: undefined, topicId: undefined }]]) };
  const deps = {
    home: { listTopics: async () => described('A'), topicConfigs: async () => new Map([[topic, new Map()]]), ends: ends(HOME_END) },
    regional: {
      listTopics: async () => described('R'),
      topicConfigs: async () => new Map([[topic, mirroredConfigs(new Map(), [])]]),
      positions: async () => new Map([[topic, positions]]),
      mirroredBehind: async () => new Map(),
      ends: ends(REGIONAL_END),
      commit: async (moved: readonly MirrorPosition[]) => {
        steps.push('committed');
        committed.push(...moved);
      },
    },
    kept: { last: () => undefined, found: () => undefined },
    ledger: {
      load: async () => [record],
      raiseGeneration: async ({ starts }) => {
        steps.push('raised');
        raised = [...starts].map(([partition, start]) => [partition, offsetValue(start)]);
        record = {
          ...record,
          partitions: 2,
          regionalTopicId: 'R',
          generations: [...record.generations, { generation: 2, starts }],
          mirroredFrom: starts,
        };
        return record;
      },
    } as Pick<TopicLedger, 'load' | 'raiseGeneration'>,
    stops: { put: async () => undefined, clear: async () => undefined },
    publishedAtHome: published,
    publishedInRegion: published,
    publisher: { publish: async () => undefined },
    observe: () => undefined,
    clock: new TestClock(),
  } as unknown as MirrorDependencies;
  const settings = {
    ...{ primary: 'us-east', region: 'west', configExclude: [], onRecreated: 'stop', onTruncated: 'stop', minRetentionMs: () => undefined },
    rules: () => ({ primary: 'us-east', topics: ['*'], exclude: [], prefix: '', heartbeatTopic: undefined, heartbeatsOnly: false }),
    share: { owns: () => false, keepsTopics: true },
  } as unknown as MirrorSettings;
  const table = new PartitionTable();
  // As it stands where an operator accepted another partition.
  const resting = new MirrorPartition({ home: topic, regional: topic }, 0, { homeTopicId: 'A', maxBatchBytes: 1, compacted: false });
  resting.committed = positions.find(({ partition }) => partition === 0);
  resting.setMode({ mode: 'paused', by: 'ada', since: '' });
  table.add(resting);
  const refresh = new TopicRefresh(deps, settings, table);
  if (regionalTopicId !== 'R') refresh.acceptRecreated(topic);
  await refresh.run(signal);
  return { raised, committed, steps, resting };
}

describe('a regional topic that was created again', () => {
  it('C6: is mirrored from the start of home, whatever went into it before anybody looked: all before that was left out', async () => {
    const went = [positionOf(0, 8n), positionOf(1, 4n, 'before')];
    const { committed, steps, resting } = await looked(went, { recorded: 2, regionalTopicId: 'gone' });
    expect(committed).toMatchObject([{ partition: 0, topicId: 'A', next: HOME_START, regionalEnd: undefined }]);
    expect(steps).toEqual(['committed', 'raised']);
    // Else it would be committed again, and gone on from.
    expect(resting.committed).toBe(committed[0]);
  });
});

describe('a topic that grew', () => {
  it('C1: begins its generation at the ends of the partitions that were there, and at what lies in a new one', async () => {
    expect((await looked([positionOf(0, HOME_END)], { recorded: 1 })).raised).toEqual([
      [0, REGIONAL_END],
      [1, REGIONAL_END],
    ]);
  });

  it('F6: begins it at the start of a new partition that this mirror has written to: the database forgot the growth, and apply waited for ever', async () => {
    expect((await looked([positionOf(0, HOME_END), positionOf(1, 3n)], { recorded: 1 })).raised).toEqual([
      [0, REGIONAL_END],
      [1, 0n],
    ]);
  });

  it('C1, C6: waits for the partitions that were there, whatever they had passed of the topic before it was created again', async () => {
    expect((await looked([positionOf(0, HOME_END - 1n)], { recorded: 1 })).raised).toBeUndefined();
    expect((await looked([positionOf(0, 1_000n, 'before')], { recorded: 1 })).raised).toBeUndefined();
  });
});

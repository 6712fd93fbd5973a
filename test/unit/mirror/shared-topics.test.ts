import { describe, expect, it } from 'vitest';
import type { TopicRecord } from '../../../src/mirror/contracts.ts';
import type { MirrorDependencies, MirrorSettings } from '../../../src/mirror/dependencies.ts';
import { PartitionTable } from '../../../src/mirror/table.ts';
import { mirroredConfigs } from '../../../src/mirror/topic-configs.ts';
import { TopicRefresh } from '../../../src/mirror/topic-refresh.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { regionalOffset } from '../../../src/model/offsets.ts';
import { TestClock } from '../lag/test-clock.ts';

const topic = 'orders';
const signal = new AbortController().signal;
const zero = new Map([[0, regionalOffset(0n)]]);

/** A topic that is claimed and mirrored, whose regional configs only the keeper may set, and the region refuses to. */
function world(keepsTopics: boolean, topics: readonly string[] = ['*']) {
  const configs = new Map(mirroredConfigs(new Map(), []));
  const events: FarshoreEvent[] = [];
  const described = (topicId: string) => [{ topic, topicId, partitions: [{ partition: 0 }] }];
  const record: TopicRecord = {
    ...{ topic, home: 'us-east', homeEpoch: 1, homeTopicId: 'A', regionalTopicId: 'R', partitions: 1 },
    generations: [{ generation: 1, starts: zero }],
    mirroredFrom: zero,
    epochFrom: zero,
  };
  const published = { read: async () => new Map([[topic, { home: 'us-east', epoch: 1, fromOffsets: undefined, topicId: undefined }]]) };
  const ends = async () => [{ topic, partition: 0, start: 0n, end: 0n }];
  const deps = {
    home: { listTopics: async () => described('A'), topicConfigs: async () => new Map([[topic, new Map()]]), ends },
    regional: {
      listTopics: async () => described('R'),
      topicConfigs: async () => new Map([[topic, configs]]),
      alterTopicConfigs: async () => {
        throw new FarshoreError('request_invalid', 'not here');
      },
      positions: async () => new Map([[topic, []]]),
      mirroredBehind: async () => new Map(),
      ends,
      commit: async () => undefined,
    },
    kept: { last: () => undefined, found: () => undefined },
    ledger: { load: async () => [record] },
    publishedAtHome: published,
    publishedInRegion: published,
    publisher: { publish: async () => undefined },
    observe: (event: FarshoreEvent) => events.push(event),
    clock: new TestClock(),
  } as unknown as MirrorDependencies;
  const settings = {
    ...{ primary: 'us-east', region: 'west', configExclude: [], onRecreated: 'stop', onTruncated: 'stop', minRetentionMs: () => undefined },
    rules: () => ({ primary: 'us-east', topics: [...topics], exclude: [], prefix: '', heartbeatTopic: undefined, heartbeatsOnly: false }),
    share: { owns: () => !keepsTopics, keepsTopics },
  } as unknown as MirrorSettings;
  const table = new PartitionTable();
  return { refresh: new TopicRefresh(deps, settings, table), table, configs, events };
}

describe('a topic of a mirror that shards share', () => {
  it('C14: is held by its shard while the region would overwrite its timestamps, also where it ran before', async () => {
    const { refresh, table, configs } = world(false);
    await refresh.run(signal);
    expect(table.get(topic, 0)?.mode.mode).toBe('running');
    configs.set('message.timestamp.type', 'LogAppendTime');
    await refresh.run(signal);
    expect(table.get(topic, 0)?.mode).toEqual({ mode: 'held', reason: 'the region has yet to take a config that the mirror needs' });
    await refresh.run(signal);
    expect(table.get(topic, 0)?.mode.mode).toBe('held');
    configs.set('message.timestamp.type', 'CreateTime');
    await refresh.run(signal);
    expect(table.get(topic, 0)?.mode.mode).toBe('running');
  });

  it('is told by its keeper where it cannot be made ready, once, and again after it was ready', async () => {
    const { refresh, configs, events } = world(true);
    const told = () => events.flatMap((event) => (event.type === 'topic_not_ready' ? [`${event.topic} ${event.code}`] : []));
    for (const [type, expected] of [
      ['LogAppendTime', 1],
      ['LogAppendTime', 1],
      ['CreateTime', 1],
      ['LogAppendTime', 2],
    ] as const) {
      configs.set('message.timestamp.type', type);
      await refresh.run(signal);
      expect(told()).toEqual(Array.from({ length: expected }, () => 'orders topic_refused'));
    }
  });
});

describe('a topic that the configuration names and home does not have', () => {
  it('is counted as missing from the first look on, for as long as it is not there, by the one that keeps the topics', async () => {
    const topics = ['late', '*'];
    const { refresh, events } = world(true, topics);
    expect(refresh.gaps).toBeUndefined();
    for (let look = 0; look < 3; look++) {
      await refresh.run(signal);
      expect(refresh.gaps?.missing).toBe(1);
    }
    expect(events.filter(({ type }) => type === 'topic_missing')).toHaveLength(1);
    topics.shift();
    await refresh.run(signal);
    expect(refresh.gaps?.missing).toBe(0);
    const sharing = world(false, ['late']);
    await sharing.refresh.run(signal);
    expect(sharing.refresh.gaps).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import type { PartitionStop, TopicRecord } from '../../../src/mirror/contracts.ts';
import type { MirrorDependencies, MirrorSettings } from '../../../src/mirror/dependencies.ts';
import type { RouteRules } from '../../../src/mirror/routes.ts';
import { vanishedRoutes } from '../../../src/mirror/routes.ts';
import { PartitionTable } from '../../../src/mirror/table.ts';
import { mirroredConfigs } from '../../../src/mirror/topic-configs.ts';
import { TopicRefresh } from '../../../src/mirror/topic-refresh.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { regionalOffset } from '../../../src/model/offsets.ts';
import { TestClock } from '../lag/test-clock.ts';

const topic = 'orders';
const signal = new AbortController().signal;
const starts = new Map([0, 1].map((partition) => [partition, regionalOffset(0n)]));
const rules: RouteRules = { primary: 'us-east', topics: ['*'], exclude: [], prefix: '', heartbeatTopic: undefined, heartbeatsOnly: false };

/** A daemon that starts where a topic was mirrored before. `homeId`: of the topic at home now; undefined, it is not there. */
function started(share?: MirrorSettings['share']) {
  const state = { homeId: undefined as string | undefined, rules };
  const stops = new Map<number, PartitionStop>();
  const events: FarshoreEvent[] = [];
  const partitions = [0, 1].map((partition) => ({ partition, leaderEpoch: 0, available: true }));
  const record: TopicRecord = {
    ...{ topic, home: 'us-east', homeEpoch: 1, homeTopicId: 'A', regionalTopicId: 'R', partitions: 2 },
    generations: [{ generation: 1, starts }],
    mirroredFrom: starts,
    epochFrom: starts,
  };
  const published = { read: async () => new Map([[topic, { home: 'us-east', epoch: 1, fromOffsets: undefined, topicId: undefined }]]) };
  const ends = async (asked: readonly { topic: string; partition: number }[]) => asked.map((place) => ({ ...place, start: 0n, end: 0n }));
  const deps = {
    home: {
      listTopics: async () => (state.homeId === undefined ? [] : [{ topic, topicId: state.homeId, partitions }]),
      topicConfigs: async () => new Map([[topic, new Map()]]),
      ends,
    },
    regional: {
      listTopics: async () => [{ topic, topicId: 'R', partitions }],
      topicConfigs: async () => new Map([[topic, mirroredConfigs(new Map(), [])]]),
      positions: async () => new Map([[topic, []]]),
      mirroredBehind: async () => new Map(),
      ends,
      commit: async () => undefined,
    },
    kept: { last: () => undefined, found: () => undefined },
    ledger: { load: async () => [record] },
    stops: {
      put: async (stop: PartitionStop) => void stops.set(stop.partition, stop),
      clear: async (_stage: string, _topic: string, partition: number) => void stops.delete(partition),
    },
    publishedAtHome: published,
    publishedInRegion: published,
    publisher: { publish: async () => undefined },
    observe: (event: FarshoreEvent) => events.push(event),
    clock: new TestClock(),
  } as unknown as MirrorDependencies;
  const settings = {
    ...{ primary: 'us-east', region: 'west', configExclude: [], onRecreated: 'stop', onTruncated: 'stop', minRetentionMs: () => undefined },
    ...{ rules: () => state.rules, share },
  } as unknown as MirrorSettings;
  const table = new PartitionTable();
  const refresh = new TopicRefresh(deps, settings, table);
  const look = async () => {
    for (const partition of table.all()) partition.tryAgain();
    await refresh.run(signal);
    return [...table.all()].map((p) => p.status()).map(({ state: shown, code }) => code ?? shown);
  };
  return { state, stops, events, refresh, table, look };
}

describe('a topic that vanished at home', () => {
  it('is shown as stopped by a daemon that was restarted since, once told, and goes on when it comes back', async () => {
    const { state, stops, events, refresh, table, look } = started();
    expect(await look()).toEqual(['topic_missing', 'topic_missing']);
    expect(refresh.mirrored).toMatchObject([
      { route: { home: topic, regional: topic }, partitions: 2, missing: { code: 'topic_missing' } },
    ]);
    expect([...stops.values()]).toMatchObject([{ code: 'topic_missing', state: 'stopped' }, { code: 'topic_missing' }]);
    expect(await look()).toEqual(['topic_missing', 'topic_missing']);
    expect(events.filter(({ type }) => type === 'partition_stopped')).toHaveLength(2);
    state.homeId = 'A';
    await look();
    expect(refresh.mirrored).toEqual([{ route: { home: topic, regional: topic }, partitions: 2 }]);
    expect([...table.all()].map(({ mode }) => mode.mode)).toEqual(['running', 'running']);
  });

  it('is one that was created again once it comes back under another id', async () => {
    const { state, look } = started();
    await look();
    state.homeId = 'B';
    expect(await look()).toEqual(['source_recreated', 'source_recreated']);
  });

  it('is shown by the shard that has the partition, and told by the keeper of the topics', async () => {
    const shard = started({ owns: (_topic, partition) => partition === 1, keepsTopics: false });
    expect(await shard.look()).toEqual(['topic_missing']);
    expect([...shard.stops.keys()]).toEqual([1]);
    const keeper = started({ owns: () => false, keepsTopics: true });
    expect(await keeper.look()).toEqual([]);
    await keeper.look();
    expect(keeper.refresh.mirrored).toMatchObject([{ partitions: 2, missing: { code: 'topic_missing' } }]);
    expect(keeper.events.filter(({ type }) => type === 'topic_not_ready')).toMatchObject([{ topic, code: 'topic_missing' }]);
  });

  it('is not shown once it is taken out of the configuration, and its stop is over', async () => {
    const { state, stops, refresh, look } = started();
    await look();
    state.rules = { ...rules, exclude: [topic] };
    expect(await look()).toEqual([]);
    expect(refresh.mirrored).toEqual([]);
    expect(stops.size).toBe(0);
  });

  it('is one that the ledger has of this primary and the patterns still name', () => {
    const of = (name: string, home = 'us-east') => ({ topic: name, home });
    const heartbeats = of('farshore.heartbeat.us-east');
    const found = (changes: Partial<RouteRules>, ...records: readonly { topic: string; home: string }[]) =>
      vanishedRoutes(records, [{ home: 'here', regional: 'here' }], { ...rules, ...changes }).map(({ home }) => home);
    expect(found({}, of('here'), of('gone'), of('moved', 'west'), heartbeats)).toEqual(['gone']);
    expect(found({ topics: ['other.*'] }, of('gone'))).toEqual([]);
    expect(found({ exclude: ['go*'] }, of('gone'))).toEqual([]);
    expect(found({ prefix: 'us.' }, of('us.gone'), of('gone'))).toEqual(['gone']);
    expect(found({ topics: [], heartbeatTopic: 'beats' }, heartbeats, of('beats'))).toEqual(['beats']);
    expect(found({ heartbeatsOnly: true }, of('gone'))).toEqual([]);
  });
});

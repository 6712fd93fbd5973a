import { describe, expect, it } from 'vitest';
import { apiKeys, type BrokerVersions, checkVersions, commonVersions } from '../../../src/kafka/cluster-versions.ts';
import { routeTargets } from '../../../src/kafka/fetch-route.ts';
import { type MetadataAnswer, MetadataCache } from '../../../src/kafka/metadata.ts';

const id = (n: number): string => `7d9f6b1e-0000-4000-8000-00000000000${n}`;
const topic = (name: string, leaders: readonly (readonly [leader: number, epoch: number])[], topicId = id(1), errorCode = 0) => ({
  errorCode,
  name,
  topicId,
  isInternal: false,
  topicAuthorizedOperations: 0,
  partitions: leaders.map(([leaderId, leaderEpoch], partitionIndex) => ({
    errorCode: 0,
    partitionIndex,
    leaderId,
    leaderEpoch,
    replicaNodes: [],
    isrNodes: [],
    offlineReplicas: [],
  })),
});
const answer = (...topics: MetadataAnswer['topics']): MetadataAnswer => ({
  brokers: [1, 2].map((nodeId) => ({ nodeId, host: 'h', port: nodeId, rack: null })),
  topics,
});

describe('MetadataCache', () => {
  it('keeps the higher leader epoch when a broker lags behind', () => {
    const cache = new MetadataCache();
    cache.take(answer(topic('a', [[2, 5]])), ['a']);
    cache.take(answer(topic('a', [[1, 4]])), ['a']);
    expect(cache.leaderOf('a', 0)).toEqual({ brokerId: 2, leaderEpoch: 5 });
  });

  it('takes a topic that was created again as it is', () => {
    const cache = new MetadataCache();
    cache.take(answer(topic('a', [[2, 5]])), ['a']);
    cache.take(answer(topic('a', [[1, 0]], id(2))), ['a']);
    expect(cache.leaderOf('a', 0)).toEqual({ brokerId: 1, leaderEpoch: 0 });
  });

  it('forgets a topic that was asked for and is gone, and keeps one that was not asked for', () => {
    const cache = new MetadataCache();
    cache.take(answer(topic('a', [[1, 0]]), topic('b', [[1, 0]])), ['a', 'b']);
    cache.take(answer(), ['a']);
    expect(cache.topicNames).toEqual(['b']);
  });

  it('remembers which topics may not be seen until that changes', () => {
    const cache = new MetadataCache();
    cache.take(answer(topic('a', [], id(1), 29)), ['a']);
    expect(cache.isDenied('a')).toBe(true);
    cache.take(answer(topic('a', [[1, 0]])), ['a']);
    expect(cache.isDenied('a')).toBe(false);
  });

  it('has no leader for a partition that is without one', () => {
    const cache = new MetadataCache();
    cache.take(answer(topic('a', [[-1, 3]])), ['a']);
    expect(cache.leaderOf('a', 0)).toBeUndefined();
    expect(cache.topic('a')?.partitions[0]).toMatchObject({ available: false });
  });
});

describe('routeTargets', () => {
  const target = (name: string, partition: number, topicId = id(1)) => ({
    topic: name,
    topicId,
    partition,
    offset: 0n,
    lastFetchedEpoch: -1,
    maxBytes: 1,
  });
  const known = new MetadataCache();
  known.take(
    answer(
      topic('a', [
        [1, 7],
        [2, 3],
        [-1, 3],
      ]),
      topic('secret', [], id(3), 29),
    ),
    ['a', 'secret'],
  );
  const cluster = {
    knownTopic: (name: string) => known.topic(name),
    isDenied: (name: string) => known.isDenied(name),
    leaderOf: (name: string, partition: number) => known.leaderOf(name, partition),
  };

  it('C6: asks each partition’s leader with the leader epoch known of it', () => {
    const routed = routeTargets([target('a', 0), target('a', 1)], cluster);
    expect(routed.brokers.map(({ brokerId, parts }) => [brokerId, parts.map(({ leaderEpoch }) => leaderEpoch)])).toEqual([
      [1, [7]],
      [2, [3]],
    ]);
    expect(routed).toMatchObject({ settled: [], unsure: false });
  });

  it('settles what nobody can be asked for, and says when fresh metadata might tell otherwise', () => {
    expect(routeTargets([target('secret', 0)], cluster)).toMatchObject({ settled: [{ kind: 'denied' }], unsure: false });
    expect(routeTargets([target('a', 0, id(9))], cluster)).toMatchObject({ settled: [{ kind: 'unknown_topic' }], unsure: true });
    expect(routeTargets([target('a', 2)], cluster)).toMatchObject({ settled: [{ kind: 'retry' }], unsure: true });
  });
});

describe('protocol versions', () => {
  const ranges = (change: readonly (readonly [number, number, number])[] = []): BrokerVersions => ({
    apis: new Map([
      ...Object.values(apiKeys).map((key) => [key, { min: 0, max: 20 }] as const),
      ...change.map(([key, min, max]) => [key, { min, max }] as const),
    ]),
    transactionVersion: 2,
  });

  it('are what every broker understands: the oldest decides', () => {
    const common = commonVersions([ranges([[apiKeys.Fetch, 4, 17]]), { ...ranges([[apiKeys.Fetch, 0, 13]]), transactionVersion: 0 }]);
    expect(common.apis.get(apiKeys.Fetch)).toEqual({ min: 4, max: 13 });
    expect(common.transactionVersion).toBe(0);
  });

  it('below the floor are refused, all of them named at once', () => {
    expect(() => checkVersions('region', ranges())).not.toThrow();
    const old = ranges([
      [apiKeys.Fetch, 0, 12],
      [apiKeys.Produce, 0, 8],
    ]);
    expect(() => checkVersions('region', old)).toThrow(
      expect.objectContaining({
        code: 'cluster_unsupported',
        message: expect.stringMatching(/Produce.*Fetch 13 to 17 \(it has 0 to 12\)/),
      }),
    );
    expect(() => checkVersions('region', { ...old, apis: new Map() })).toThrow(expect.objectContaining({ code: 'cluster_unsupported' }));
  });
});

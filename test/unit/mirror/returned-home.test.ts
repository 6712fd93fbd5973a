import { describe, expect, it } from 'vitest';
import type { PublishedHome, TopicLedger, TopicRecord } from '../../../src/mirror/contracts.ts';
import type { MirrorDependencies, MirrorSettings } from '../../../src/mirror/dependencies.ts';
import type { RouteRules } from '../../../src/mirror/routes.ts';
import { PartitionTable } from '../../../src/mirror/table.ts';
import { mirroredConfigs } from '../../../src/mirror/topic-configs.ts';
import { TopicRefresh } from '../../../src/mirror/topic-refresh.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import { TestClock } from '../lag/test-clock.ts';

const topic = 'orders';
const at = { topic, partition: 0, topicId: 'A', leaderEpoch: -1, crc: undefined };
const signal = new AbortController().signal;
const rules: RouteRules = { primary: 'eu', topics: ['*'], exclude: [], prefix: '', heartbeatTopic: undefined, heartbeatsOnly: true };
type Told = Pick<PublishedHome, 'home' | 'epoch'> & Partial<PublishedHome>;

/** A daemon beside the primary `us`, which carried what the region `eu` wrote in epoch 2. */
function besidePrimary() {
  const starts = new Map([0, 1].map((partition) => [partition, regionalOffset(0n)]));
  const state = {
    eu: { home: 'eu', epoch: 2 } as Told,
    us: { home: 'eu', epoch: 2 } as Told,
    /** Of partition 0, in the log of `us`. */
    carriedTo: undefined as bigint | undefined,
    /** Where the log of `us` ends, by partition, on both sides as many. */
    ends: [0n, 0n] as readonly bigint[],
    record: {
      ...{ topic, home: 'eu', homeEpoch: 2, homeTopicId: 'A', regionalTopicId: 'R', partitions: 2 },
      generations: [{ generation: 1, starts }],
      mirroredFrom: starts,
      epochFrom: starts,
    } as TopicRecord,
  };
  const recorded: string[] = [];
  const partitions = () => state.ends.map((_, partition) => ({ partition, leaderEpoch: 0, available: true }));
  const publishes = (of: 'eu' | 'us') => ({
    read: async () => new Map([[topic, { fromOffsets: undefined, topicId: undefined, ...state[of] }]]),
  });
  const ends = (of: (partition: number) => bigint) => async (asked: readonly { topic: string; partition: number }[]) =>
    asked.map((place) => ({ ...place, start: 0n, end: of(place.partition) }));
  const deps = {
    home: {
      listTopics: async () => [{ topic, topicId: 'A', partitions: partitions() }],
      topicConfigs: async () => new Map([[topic, new Map()]]),
      ends: ends(() => 0n),
    },
    regional: {
      listTopics: async () => [{ topic, topicId: 'R', partitions: partitions() }],
      topicConfigs: async () => new Map([[topic, mirroredConfigs(new Map(), [])]]),
      positions: async () =>
        new Map([
          [topic, state.carriedTo === undefined ? [] : [{ ...at, next: homeOffset(3n), regionalEnd: regionalOffset(state.carriedTo) }]],
        ]),
      mirroredBehind: async () => new Map(),
      ends: ends((partition) => state.ends[partition]!),
      commit: async () => undefined,
    },
    kept: { last: () => undefined, found: () => undefined },
    ledger: {
      load: async () => [state.record],
      adopt: async (_topic, epochs) => {
        for (const { epoch, home, starts: from } of epochs) {
          recorded.push(`${home} ${epoch} from ${[...from.values()].join()}`);
          state.record = { ...state.record, home, homeEpoch: epoch };
        }
        return state.record;
      },
    } as Pick<TopicLedger, 'load' | 'adopt'>,
    stops: { put: async () => undefined, clear: async () => undefined },
    publishedAtHome: publishes('eu'),
    publishedInRegion: publishes('us'),
    publisher: { publish: async () => undefined },
    observe: () => undefined,
    clock: new TestClock(),
  } as unknown as MirrorDependencies;
  const settings = {
    ...{ primary: 'eu', region: 'us', configExclude: [], onRecreated: 'stop', onTruncated: 'stop', minRetentionMs: () => undefined },
    rules: () => rules,
  } as unknown as MirrorSettings;
  const table = new PartitionTable();
  const refresh = new TopicRefresh(deps, settings, table);
  const carried = async () => {
    await refresh.run(signal);
    return [...table.all()].map((p) => p.status()).map(({ state: shown, code }) => code ?? shown);
  };
  return { state, recorded, carried };
}

const fromOffsets = new Map([
  [0, 7n],
  [1, 9n],
]);

describe('the daemon beside the primary', () => {
  it('C25: records that the home is here again once both clusters tell so, from where its epoch begins', async () => {
    const { state, recorded, carried } = besidePrimary();
    expect(await carried()).toEqual(['running', 'running']);
    state.us = { home: 'us', epoch: 3, fromOffsets };
    await carried();
    expect(recorded).toEqual([]);
    state.eu = { home: 'us', epoch: 3 };
    expect(await carried()).toEqual([]);
    expect(recorded).toEqual(['us 3 from 7,9']);
    await carried();
    expect(recorded).toHaveLength(1);
  });

  it('C25: records the home as here since it left, where it missed an epoch: else what was written here would pass for the region’s', async () => {
    const { state, recorded, carried } = besidePrimary();
    state.carriedTo = 4n;
    state.us = { home: 'us', epoch: 5, fromOffsets };
    state.eu = { home: 'us', epoch: 5 };
    await carried();
    expect(recorded).toEqual(['us 3 from 4,9', 'us 5 from 7,9']);
  });

  it('C3: leaves a partition that was added in an epoch it missed out of the one before: all of it would be older, and pass for the region’s', async () => {
    const { state, recorded, carried } = besidePrimary();
    state.carriedTo = 4n;
    state.ends = [7n, 9n, 5n];
    state.us = { home: 'us', epoch: 5, fromOffsets: new Map([...fromOffsets, [2, 5n]]) };
    state.eu = { home: 'us', epoch: 5 };
    await carried();
    expect(recorded).toEqual(['us 3 from 4,9', 'us 5 from 7,9,5']);
  });

  it('records nothing where a partition has no start: nothing would say whose its records are', async () => {
    const { state, recorded, carried } = besidePrimary();
    state.us = { home: 'us', epoch: 3, fromOffsets: new Map([[0, 7n]]) };
    state.eu = { home: 'us', epoch: 3 };
    await carried();
    state.us = { home: 'us', epoch: 3 };
    expect(await carried()).toEqual([]);
    expect(recorded).toEqual([]);
  });

  it('C24: carries nothing of a later move before its own cluster tells of it, stops nothing for that, and then goes on', async () => {
    const { state, recorded, carried } = besidePrimary();
    [state.us, state.eu] = [
      { home: 'us', epoch: 3, fromOffsets },
      { home: 'us', epoch: 3 },
    ];
    await carried();
    // A revert that fell back, or the next cutover between its two tellings.
    state.eu = { home: 'eu', epoch: 4 };
    expect(await carried()).toEqual([]);
    state.us = { home: 'eu', epoch: 4 };
    expect(await carried()).toEqual(['running', 'running']);
    expect(recorded).toEqual(['us 3 from 7,9', 'eu 4 from 0,0']);
  });

  it('C1, C3: says whose the records of a partition are that was added while the home was here: they would wait for a generation, and pass for the region’s', async () => {
    const { state, recorded, carried } = besidePrimary();
    [state.us, state.eu] = [
      { home: 'us', epoch: 3, fromOffsets },
      { home: 'us', epoch: 3 },
    ];
    await carried();
    state.ends = [8n, 9n, 5n];
    await carried();
    [state.us, state.eu] = [
      { home: 'eu', epoch: 4 },
      { home: 'eu', epoch: 4 },
    ];
    await carried();
    expect(recorded).toEqual(['us 3 from 7,9', 'eu 4 from 8,9,5']);
  });
});

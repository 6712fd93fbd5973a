import type { FarshoreConfig } from '../config/config.ts';
import { areAll, partitionsWanted, type WantedPartitions } from '../cutover/moving-partitions.ts';
import type { MovingLogs, PartitionEnd } from '../cutover/step-contracts.ts';
import { listTopics } from '../kafka/admin.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { highWatermarks, partitionEnds, partitionKey } from '../kafka/offsets.ts';
import type { TopicRecord } from '../mirror/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { matchesTopics } from '../model/topic-patterns.ts';

/** A topic whose home moves, by both its names. */
export interface MovingTopic {
  readonly regional: string;
  readonly home: string;
  readonly record: TopicRecord;
}

/** Topics that the ledger knows and the configuration still names; heartbeats keep their home. */
export function movingTopics({ mirror }: Pick<FarshoreConfig, 'mirror'>, records: readonly TopicRecord[]): readonly MovingTopic[] {
  return records.flatMap((record) => {
    if (!record.topic.startsWith(mirror.prefix)) return [];
    const home = record.topic.slice(mirror.prefix.length);
    return matchesTopics(mirror.topics, mirror.exclude, home) ? [{ regional: record.topic, home, record }] : [];
  });
}

export interface MovingLogsParts {
  /** The region's name: whose home a topic has. */
  readonly region: string;
  readonly primary: KafkaCluster;
  readonly reader: KafkaCluster;
  readonly primaryConnected: () => boolean;
  readonly topics: (signal: AbortSignal) => Promise<readonly MovingTopic[]>;
  /** Whether a topic of the primary is one to mirror. */
  readonly matches: (topic: string) => boolean;
}

export function movingLogs({ region, primary, reader, primaryConnected, topics, matches }: MovingLogsParts): MovingLogs {
  const described = async (cluster: KafkaCluster, names: readonly string[], signal: AbortSignal) =>
    new Map((await cluster.topics(names, signal)).map(({ topic, topicId, partitions }) => [topic, { topicId, count: partitions.length }]));
  const ends = async (
    cluster: KafkaCluster,
    moving: readonly MovingTopic[],
    nameOf: (topic: MovingTopic) => string,
    wantedOf: (topic: MovingTopic) => WantedPartitions,
    signal: AbortSignal,
  ) => {
    // Before their ends: those of a topic that is created again in between are then taken for nobody's, and not for the old log's.
    const there = await described(cluster, moving.map(nameOf), signal);
    const asked = moving.flatMap((topic) => {
      const [name, regional] = [nameOf(topic), topic.regional];
      const [{ count, topicId }, wanted] = [there.get(name) ?? { count: 0, topicId: '' }, wantedOf(topic)];
      if (!areAll(count, wanted)) throw unanswered(name, `it has ${count} partitions, and ${wanted.partitions} are known`);
      return Array.from({ length: count }, (_, partition) => ({ name, regional, topicId, partition }));
    });
    const places = asked.map(({ name, partition }) => ({ topic: name, partition }));
    // The high watermark is asked for first: what is committed in between makes the stable end the later one, never the other way round.
    const high = await highWatermarks(cluster, places, signal);
    const stable = new Map(
      (await partitionEnds(cluster, places, signal)).map(({ topic, partition, end }) => [partitionKey(topic, partition), end]),
    );
    return asked.map(({ name, regional, topicId, partition }): PartitionEnd => {
      const place = partitionKey(name, partition);
      const [end, highWatermark] = [stable.get(place), high.get(place)];
      if (end === undefined || highWatermark === undefined) throw unanswered(place, 'its end was not answered');
      return { topic: regional, topicId, partition, end, highWatermark };
    });
  };
  const requireConnected = (): void => {
    if (!primaryConnected()) throw new FarshoreError('cluster_unreachable', 'The primary was not reached yet');
  };
  const isHere = ({ record }: MovingTopic) => record.home === region;
  return {
    async homeAsItIs(signal) {
      requireConnected();
      const whatever = () => ({ partitions: 0, orMore: true });
      return await ends(primary, await topics(signal), ({ home }) => home, whatever, signal);
    },
    async home(signal) {
      requireConnected();
      const moving = await topics(signal);
      const known = new Set(moving.map(({ home }) => home));
      const unknown = (await listTopics(primary, signal)).find(({ topic }) => matches(topic) && !known.has(topic));
      // A topic that was made a moment ago: nothing of it is here, and it would be left behind.
      if (unknown !== undefined) throw unanswered(unknown.topic, 'it is not mirrored yet');
      const here = moving.filter(isHere).map(({ regional }) => regional);
      const inRegion = here.length === 0 ? undefined : await described(reader, here, signal);
      const wanted = (topic: MovingTopic) =>
        partitionsWanted('primary', {
          ...{ recorded: topic.record.partitions, inRegion: inRegion?.get(topic.regional)?.count },
          ...{ isHomeHere: isHere(topic), isLost: false },
        });
      return await ends(primary, moving, ({ home }) => home, wanted, signal);
    },
    async region(signal, isLost = false) {
      const wanted = (topic: MovingTopic) =>
        partitionsWanted('region', { recorded: topic.record.partitions, inRegion: undefined, isHomeHere: isHere(topic), isLost });
      return await ends(reader, await topics(signal), ({ regional }) => regional, wanted, signal);
    },
  };
}

const unanswered = (place: string, why: string): FarshoreError =>
  new FarshoreError('broker_request_failed', `Where ${place} ends is not known: ${why}`, { place });

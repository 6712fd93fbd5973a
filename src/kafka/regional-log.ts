import type { RegionalLog, WrittenEnd } from '../mirror/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { regionalOffset } from '../model/offsets.ts';
import { alterTopicConfigs, configsInForce, createTopic, growTopic, listTopics, topicConfigs } from './admin.ts';
import type { KafkaCluster } from './cluster.ts';
import { mirroredBehind } from './mirrored-behind.ts';
import { writtenEnds } from './offsets.ts';
import type { WrittenRange } from './produce.ts';
import { committedOffset } from './regional-log-metadata.ts';
import { type ReadPositionsOptions, readPositions } from './regional-log-positions.ts';
import { TransactionalWriter, type TransactionStep } from './transactions.ts';

export interface RegionalLogOptions {
  readonly region: string;
  /** Name of the cluster mirrored from. */
  readonly primary: string;
  readonly shard: number;
  readonly transactionTimeoutMs: number;
  /** Which partitions the shard has; left out: all. */
  readonly owns?: ReadPositionsOptions['owns'];
  readonly onStep?: ((step: TransactionStep) => void | Promise<void>) | undefined;
}

/** What the regional log needs of the cluster besides transactions. */
export type RegionalAdmin = Pick<
  RegionalLog,
  'listTopics' | 'topicConfigs' | 'configsInForce' | 'createTopic' | 'growTopic' | 'alterTopicConfigs' | 'ends'
>;

/** The cluster's own answers, topics created with its default replication. */
const regionalAdmin = (cluster: KafkaCluster): RegionalAdmin => ({
  listTopics: (signal) => listTopics(cluster, signal),
  topicConfigs: (topics, signal) => topicConfigs(cluster, topics, signal),
  configsInForce: (topics, signal) => configsInForce(cluster, topics, signal),
  createTopic: (topic, partitions, configs, signal) => createTopic(cluster, topic, partitions, configs, signal),
  growTopic: (topic, partitions, signal) => growTopic(cluster, topic, partitions, signal),
  alterTopicConfigs: (topic, set, remove, signal) => alterTopicConfigs(cluster, topic, set, remove, signal),
  ends: (partitions, signal) => writtenEnds(cluster, partitions, signal),
});

/** The group all shards of one mirror commit their positions under (C13). */
export const positionGroup = (region: string, primary: string): string => `farshore.${region}.${primary}`;

/** The group whose members divide the shards of a region among themselves; no position is committed in it. */
export const shardGroup = (region: string, primary: string): string => `${positionGroup(region, primary)}.shards`;

/** What fences a shard's zombies. */
export const shardTransactionalId = (region: string, primary: string, shard: number): string =>
  `${positionGroup(region, primary)}.${shard}`;

/** The regional cluster as mirror writes it: one transactional id a shard, positions committed with the records. */
export function regionalLog(
  cluster: KafkaCluster,
  options: RegionalLogOptions,
  admin: RegionalAdmin = regionalAdmin(cluster),
): RegionalLog {
  const { region, primary, shard, transactionTimeoutMs, onStep } = options;
  const group = positionGroup(region, primary);
  const writer = new TransactionalWriter({
    cluster,
    transactionalId: shardTransactionalId(region, primary, shard),
    group,
    transactionTimeoutMs,
    onStep,
  });
  return {
    listTopics: (signal) => admin.listTopics(signal),
    topicConfigs: (topics, signal) => admin.topicConfigs(topics, signal),
    configsInForce: (topics, signal) => admin.configsInForce(topics, signal),
    createTopic: (topic, partitions, configs, signal) => admin.createTopic(topic, partitions, configs, signal),
    growTopic: (topic, partitions, signal) => admin.growTopic(topic, partitions, signal),
    alterTopicConfigs: (topic, set, remove, signal) => admin.alterTopicConfigs(topic, set, remove, signal),
    ends: (partitions, signal) => admin.ends(partitions, signal),
    open: (signal) => writer.open(signal),
    positions: (topics, signal) => readPositions(cluster, group, topics, signal, { owns: options.owns }),
    mirroredBehind: (ends, signal) => mirroredBehind(cluster, ends, writer.producerIds, signal),
    async produce(writes, signal) {
      refuseTwice(writes);
      return (await writer.produce(writes, signal)).map(asEnd);
    },
    commit: (positions, signal) => writer.commit(positions.map(committedOffset), signal),
  };
}

const asEnd = ({ topic, partition, firstOffset, end }: WrittenRange): WrittenEnd => ({
  topic,
  partition,
  firstOffset: regionalOffset(firstOffset),
  end: regionalOffset(end),
});

/** Two writes of one partition would share requests, and with that their order. */
function refuseTwice(writes: readonly { readonly topic: string; readonly partition: number }[]): void {
  const seen = new Set<string>();
  for (const { topic, partition } of writes) {
    const place = `${topic}:${partition}`;
    if (seen.has(place)) throw new FarshoreError('internal', 'What is to be written names a partition twice', { place });
    seen.add(place);
  }
}

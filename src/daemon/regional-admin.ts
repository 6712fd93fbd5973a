import { alterTopicConfigs, configsInForce, createTopic, growTopic, listTopics, topicConfigs } from '../kafka/admin.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { writtenEnds } from '../kafka/offsets.ts';
import type { RegionalAdmin } from '../kafka/regional-log.ts';

/** Creates topics with the configured replication. */
export const creator =
  (cluster: KafkaCluster, replicationFactor: number | undefined) =>
  (topic: string, partitions: number, configs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> =>
    createTopic(cluster, topic, partitions, configs, signal, replicationFactor);

export const regionalAdmin = (cluster: KafkaCluster, replicationFactor: number | undefined): RegionalAdmin => ({
  listTopics: (signal) => listTopics(cluster, signal),
  topicConfigs: (topics, signal) => topicConfigs(cluster, topics, signal),
  configsInForce: (topics, signal) => configsInForce(cluster, topics, signal),
  createTopic: creator(cluster, replicationFactor),
  growTopic: (topic, partitions, signal) => growTopic(cluster, topic, partitions, signal),
  alterTopicConfigs: (topic, set, remove, signal) => alterTopicConfigs(cluster, topic, set, remove, signal),
  ends: (partitions, signal) => writtenEnds(cluster, partitions, signal),
});

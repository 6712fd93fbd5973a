import { createTopic } from './admin.ts';
import type { KafkaCluster } from './cluster.ts';

/** Creates a topic, or leaves one that is there as it is, and resolves when its leaders can be asked. */
export type CreateTopic = (topic: string, partitions: number, configs: ReadonlyMap<string, string>, signal: AbortSignal) => Promise<void>;

/** Creation with the cluster's default replication. */
export const defaultCreateTopic =
  (cluster: KafkaCluster): CreateTopic =>
  (topic, partitions, configs, signal) =>
    createTopic(cluster, topic, partitions, configs, signal);

/** Creates a topic of Farshore's own, one partition, unless it is there. */
export async function createOwnTopic(
  cluster: KafkaCluster,
  topic: string,
  configs: ReadonlyMap<string, string>,
  create: CreateTopic,
  signal: AbortSignal,
): Promise<void> {
  // Asked first: where the topic exists, the right to create one is not needed.
  const [found] = await cluster.topics([topic], signal);
  if (found === undefined) await create(topic, 1, configs, signal);
}

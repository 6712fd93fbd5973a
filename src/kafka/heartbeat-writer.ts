import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { buildBatch, recordOf } from './batch/build.ts';
import { compress } from './batch/codecs.ts';
import type { KafkaCluster } from './cluster.ts';
import { produceOne } from './produce.ts';
import { type CreateTopic, createOwnTopic, defaultCreateTopic } from './produce-own-topic.ts';

export interface HeartbeatWriter {
  /** Creates the topic where it is missing. Rejects with `cluster_denied` where that is not allowed. */
  ensureTopic(signal: AbortSignal): Promise<void>;
  /** One record to partition 0, acks from all replicas. A lost answer may leave it there twice once it is written again. */
  write(key: string, value: Buffer, signal: AbortSignal): Promise<void>;
}

const configs: ReadonlyMap<string, string> = new Map([
  ['cleanup.policy', 'delete'],
  ['retention.ms', '3600000'],
]);

/** Writes heartbeats into the cluster whose lag they measure. */
export function heartbeatWriter(
  cluster: KafkaCluster,
  topic: string,
  createTopic: CreateTopic = defaultCreateTopic(cluster),
): HeartbeatWriter {
  return {
    async ensureTopic(signal) {
      try {
        await createOwnTopic(cluster, topic, configs, createTopic, signal);
      } catch (error) {
        if (findFarshoreError(error)?.code !== 'cluster_denied') throw error;
        throw new FarshoreError('cluster_denied', `${cluster.name}: the heartbeat topic ${topic} does not exist and may not be created`, {
          place: `topic ${topic}`,
          hint: `Create ${topic} with one partition, or allow Create on it; Farshore needs Write on it too. Without heartbeats, leave primary.heartbeat out.`,
          cause: error,
        });
      }
    },
    async write(key, value, signal) {
      const record = recordOf(Buffer.from(key), value, cluster.clock.wallMs());
      await produceOne(cluster, { topic, partition: 0, bytes: buildBatch([record], 'none', compress) }, signal);
    },
  };
}

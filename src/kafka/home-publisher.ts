import type { HomePublisher } from '../mirror/contracts.ts';
import { buildBatch, recordOf } from './batch/build.ts';
import { compress } from './batch/codecs.ts';
import type { KafkaCluster } from './cluster.ts';
import { produceOne } from './produce.ts';
import { type CreateTopic, createOwnTopic, defaultCreateTopic } from './produce-own-topic.ts';
import { HOMES_TOPIC } from './published-homes.ts';

const configs: ReadonlyMap<string, string> = new Map([['cleanup.policy', 'compact']]);

/**
 * Publishes which cluster a topic has its home in (C24): key = topic, value = `{"home": …, "epoch": n}`, and where a cutover
 * moved it `"fromOffsets"` with the `"topicId"` of the log they are offsets of.
 * Publishing the same again is harmless; readers take the highest epoch.
 */
export function homePublisher(cluster: KafkaCluster, createTopic: CreateTopic = defaultCreateTopic(cluster)): HomePublisher {
  return {
    async publish(topic, home, epoch, signal, begin) {
      await createOwnTopic(cluster, HOMES_TOPIC, configs, createTopic, signal);
      const value = Buffer.from(JSON.stringify({ home, epoch, ...begin }));
      const record = recordOf(Buffer.from(topic), value, cluster.clock.wallMs());
      await produceOne(cluster, { topic: HOMES_TOPIC, partition: 0, bytes: buildBatch([record], 'none', compress) }, signal);
    },
  };
}

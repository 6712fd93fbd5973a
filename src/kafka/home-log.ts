import type { HomeLog } from '../mirror/contracts.ts';
import { listTopics, topicConfigs } from './admin.ts';
import { batchReader } from './batch/read.ts';
import type { KafkaCluster } from './cluster.ts';
import { RawFetcher } from './fetch.ts';
import { batchAt } from './fetch-batch-at.ts';
import { partitionEnds } from './offsets.ts';

/** The home's cluster as mirror reads it. `maxDecompressedBytes` bounds the opening of batches of old formats, `keepBytes` the memory kept for the next fetch. */
export function homeLog(cluster: KafkaCluster, maxDecompressedBytes: number, keepBytes: number): HomeLog {
  const read = batchReader(maxDecompressedBytes);
  const fetcher = new RawFetcher(cluster, read, keepBytes);
  return {
    listTopics: (signal) => listTopics(cluster, signal),
    topicConfigs: (topics, signal) => topicConfigs(cluster, topics, signal),
    fetch: (targets, limits, signal) => fetcher.fetch(targets, limits, signal),
    ends: (partitions, signal) => partitionEnds(cluster, partitions, signal),
    batchAt: (target, signal) => batchAt(cluster, read, target, signal),
  };
}

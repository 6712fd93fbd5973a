import type { RegionalSource } from '../apply/contracts.ts';
import { batchReader } from './batch/read.ts';
import type { KafkaCluster } from './cluster.ts';
import { RawFetcher } from './fetch.ts';
import { batchAt } from './fetch-batch-at.ts';
import { partitionEnds } from './offsets.ts';

/** The regional cluster as apply reads it. `maxDecompressedBytes` bounds the opening of batches of old formats, `keepBytes` the memory kept for the next fetch. */
export function regionalSource(cluster: KafkaCluster, maxDecompressedBytes: number, keepBytes: number): RegionalSource {
  const read = batchReader(maxDecompressedBytes);
  const fetcher = new RawFetcher(cluster, read, keepBytes);
  return {
    describe: async (topics, signal) =>
      (await cluster.topics(topics, signal)).map(({ topic, topicId, partitions }) => ({ topic, topicId, partitions: partitions.length })),
    fetch: (targets, limits, signal) => fetcher.fetch(targets, limits, signal),
    ends: (partitions, signal) => partitionEnds(cluster, partitions, signal),
    batchAt: (target, signal) => batchAt(cluster, read, target, signal),
  };
}

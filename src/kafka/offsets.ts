import type { KafkaCluster } from './cluster.ts';
import { apiKeys } from './cluster-versions.ts';
import { KafkaError, kafkaErrorKind } from './errors.ts';
import type { Leader } from './metadata.ts';
import { listOffsetsApi } from './offsets-wire.ts';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Log start, and the last stable offset where nothing else is said. */
export interface PartitionEnds extends TopicPartition {
  readonly start: bigint;
  readonly end: bigint;
}

const EARLIEST = -2n;
const LATEST = -1n;
/** KIP-405: where the part of the log begins that is on the broker's own disk. */
const EARLIEST_LOCAL = -4n;
const KNOWS_LOCAL_STARTS = 8;

type Asked = 'log_start' | 'local_start' | 'last_stable_offset' | 'high_watermark';
const timestamps = { log_start: EARLIEST, local_start: EARLIEST_LOCAL, last_stable_offset: LATEST, high_watermark: LATEST } as const;

/**
 * Log start and last stable offset of each partition, one pair of requests a broker. A partition that
 * did not answer is left out; rejects when no broker can be reached.
 */
export async function partitionEnds(
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<readonly PartitionEnds[]> {
  const [starts, ends] = await Promise.all([
    listOffsets(cluster, partitions, 'log_start', signal),
    listOffsets(cluster, partitions, 'last_stable_offset', signal),
  ]);
  const both: PartitionEnds[] = [];
  for (const { topic, partition } of partitions) {
    const start = starts.get(partitionKey(topic, partition));
    const end = ends.get(partitionKey(topic, partition));
    if (start !== undefined && end !== undefined) both.push({ topic, partition, start, end });
  }
  return both;
}

export interface AllEnds extends PartitionEnds {
  readonly highWatermark: bigint;
}

/** The same with the high watermark, which also counts transactions whose markers are not written yet. */
export async function allPartitionEnds(
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<readonly AllEnds[]> {
  const [ends, high] = await Promise.all([partitionEnds(cluster, partitions, signal), highWatermarks(cluster, partitions, signal)]);
  return ends.flatMap((one) => {
    const highWatermark = high.get(partitionKey(one.topic, one.partition));
    return highWatermark === undefined ? [] : [{ ...one, highWatermark }];
  });
}

/**
 * Log start and high watermark. For a log that this process writes in transactions: a coordinator answers a commit before its markers are in the
 * partitions, and until they are the last stable offset lies before what was committed.
 */
export async function writtenEnds(
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<readonly PartitionEnds[]> {
  const [starts, ends] = await Promise.all([logStarts(cluster, partitions, signal), highWatermarks(cluster, partitions, signal)]);
  return partitions.flatMap(({ topic, partition }) => {
    const [start, end] = [starts.get(partitionKey(topic, partition)), ends.get(partitionKey(topic, partition))];
    return start === undefined || end === undefined ? [] : [{ topic, partition, start, end }];
  });
}

/** All ends, as a log that is asked for nothing else. */
export const logEnds = (cluster: KafkaCluster) => ({
  ends: (partitions: readonly TopicPartition[], signal: AbortSignal): Promise<readonly AllEnds[]> =>
    allPartitionEnds(cluster, partitions, signal),
});

/** Last stable offsets, by `topic:partition`. A partition that did not answer is left out. */
export const stableEnds = (
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> => listOffsets(cluster, partitions, 'last_stable_offset', signal);

/** Ends that also count open transactions, by `topic:partition`. A partition that did not answer is left out. */
export const highWatermarks = (
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> => listOffsets(cluster, partitions, 'high_watermark', signal);

/** Log starts, by `topic:partition`. A partition that did not answer is left out. */
export const logStarts = (
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> => listOffsets(cluster, partitions, 'log_start', signal);

/**
 * Where the part of each log begins that lies on its broker, by `topic:partition`: the log start where nothing is in remote storage. Undefined where
 * the brokers know no remote storage. A partition that did not answer is left out.
 */
export const localStarts = async (
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, bigint> | undefined> =>
  cluster.maxVersion(apiKeys.ListOffsets) < KNOWS_LOCAL_STARTS ? undefined : await listOffsets(cluster, partitions, 'local_start', signal);

export const partitionKey = (topic: string, partition: number): string => `${topic}:${partition}`;

async function listOffsets(
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
  asked: Asked,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> {
  await cluster.ensureTopics(
    partitions.map(({ topic }) => topic),
    signal,
  );
  const byBroker = new Map<number, (TopicPartition & Leader)[]>();
  for (const { topic, partition } of partitions) {
    const leader = cluster.leaderOf(topic, partition);
    if (leader === undefined) {
      cluster.invalidate();
      continue;
    }
    const list = byBroker.get(leader.brokerId);
    if (list === undefined) byBroker.set(leader.brokerId, [{ topic, partition, ...leader }]);
    else list.push({ topic, partition, ...leader });
  }
  const offsets = new Map<string, bigint>();
  await Promise.all([...byBroker].map(([brokerId, parts]) => askBroker(cluster, brokerId, parts, asked, offsets, signal)));
  return offsets;
}

async function askBroker(
  cluster: KafkaCluster,
  brokerId: number,
  parts: readonly (TopicPartition & Leader)[],
  asked: Asked,
  offsets: Map<string, bigint>,
  signal: AbortSignal,
): Promise<void> {
  const call = {
    isolation: asked === 'high_watermark' ? 'read_uncommitted' : 'read_committed',
    timestamp: timestamps[asked],
    parts,
  } as const;
  const api = listOffsetsApi(asked === 'local_start' ? 8 : 7);
  try {
    const answers = await cluster.withBroker(brokerId, 'control', (connection) => api.async(connection, call), signal);
    for (const { topic, partition, code, offset } of answers) {
      if (code === 0) offsets.set(partitionKey(topic, partition), offset);
      else if (kafkaErrorKind(code) !== 'denied') cluster.invalidate();
    }
  } catch (error) {
    // One broker that fails leaves out its own partitions only; the connection layer has noted it.
    if (!(error instanceof KafkaError)) throw error;
  }
}

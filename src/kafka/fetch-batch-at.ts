import { FarshoreError } from '../model/errors.ts';
import type { FetchTarget } from '../model/fetch.ts';
import { batchProof, type ReadBatches } from './batch/read.ts';
import type { KafkaCluster } from './cluster.ts';
import { apiKeys } from './cluster-versions.ts';
import { KafkaError, kafkaErrorKind, protocolError } from './errors.ts';
import { FetchMemory } from './fetch-memory.ts';
import { fetchApis } from './fetch-wire.ts';

const api = fetchApis(new FetchMemory(0));

/** What proves that a log still holds the batch a position was taken after (C6). */
export interface BatchAt {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  /** -1 for a message of magic 0 or 1. */
  readonly leaderEpoch: number;
  readonly crc: number;
}

/**
 * The batch that holds `target.offset`, of whatever kind (control and aborted ones prove a log too);
 * undefined when the log does not hold it any more. The broker answers the whole first batch
 * whatever the byte limit.
 *
 * Throws a KafkaError of kind `leadership` (ask again), `unknown_topic` or `denied`, and `batch_corrupt`.
 */
export async function batchAt(
  cluster: KafkaCluster,
  read: ReadBatches,
  target: FetchTarget,
  signal: AbortSignal,
): Promise<BatchAt | undefined> {
  const { topic, topicId, partition, offset } = target;
  const place = `${topic}:${partition}@${offset}`;
  const part = await cluster.withLeader(
    topic,
    partition,
    'control',
    async (connection, { leaderEpoch }) => {
      const answer = await api(cluster.maxVersion(apiKeys.Fetch)).async(connection, {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 1,
        isolation: 'read_uncommitted',
        rack: '',
        parts: [{ topicId, partition, currentLeaderEpoch: leaderEpoch, offset, lastFetchedEpoch: -1, maxBytes: 1 }],
      });
      // Above its quota a reader gets an answer without a partition: taken for a log that does not hold the offset, nothing would be proved.
      if (answer.code === 0 && answer.parts.length === 0)
        throw new KafkaError('retriable', 'THROTTLING_QUOTA_EXCEEDED', `${cluster.name}: ${place} was not answered`, { place });
      const code = answer.code === 0 ? answer.parts[0]?.code : answer.code;
      if (code !== undefined && code !== 0 && kafkaErrorKind(code) !== 'out_of_range') {
        throw protocolError(code, `${cluster.name}: ${place} cannot be read`, { place });
      }
      return answer.parts[0];
    },
    signal,
  );
  if (part === undefined || part.code !== 0) return undefined;
  const { batches, corrupt } = read(part.records);
  if (batches.length === 0 && corrupt !== undefined) {
    throw new FarshoreError('batch_corrupt', `${cluster.name}: the batch at ${place} is damaged: ${corrupt.reason}`, { place });
  }
  const found = batches.find(({ lastOffset }) => lastOffset >= offset);
  if (found === undefined || found.baseOffset > offset) return undefined;
  return { baseOffset: found.baseOffset, lastOffset: found.lastOffset, ...batchProof(found) };
}

import { batchReader } from '../../src/kafka/batch/read.ts';
import { recordVisitor } from '../../src/kafka/batch/records.ts';
import { KafkaCluster } from '../../src/kafka/cluster.ts';
import { RawFetcher } from '../../src/kafka/fetch.ts';
import type { RawBatch } from '../../src/model/batch.ts';
import { systemClock } from '../../src/model/clock.ts';
import type { FetchedPartition, FetchTarget } from '../../src/model/fetch.ts';

export const never = new AbortController().signal;
export const maxBytes = 8 << 20;

export async function connected(bootstrap: string, requestTimeoutMs = 10_000): Promise<KafkaCluster> {
  const cluster = new KafkaCluster({ name: 'primary test', brokers: [bootstrap], clientId: 'test', requestTimeoutMs, clock: systemClock });
  await cluster.connect(never);
  return cluster;
}

export const newFetcher = (cluster: KafkaCluster): RawFetcher => new RawFetcher(cluster, batchReader(maxBytes));

export async function targetOf(cluster: KafkaCluster, topic: string, partition = 0): Promise<FetchTarget> {
  const topicId = (await cluster.topics([topic], never))[0]?.topicId;
  if (topicId === undefined) throw new Error(`${topic} does not exist`);
  return { topic, topicId, partition, offset: 0n, lastFetchedEpoch: -1, maxBytes };
}

export async function fetchOne(
  fetcher: RawFetcher,
  target: FetchTarget,
  limits: { maxWaitMs?: number; maxBytes?: number } = {},
): Promise<FetchedPartition> {
  const [answer] = await fetcher.fetch([target], { maxWaitMs: limits.maxWaitMs ?? 500, maxBytes: limits.maxBytes ?? maxBytes }, never);
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

export interface ReadLog {
  readonly batches: readonly RawBatch[];
  readonly nextOffset: bigint;
  readonly droppedAborted: number;
  readonly droppedControl: number;
}

/** Reads a partition from `target` on until an answer is empty, or up to `end` where that is known. */
export async function readAll(fetcher: RawFetcher, target: FetchTarget, bytesAtOnce = maxBytes, end?: bigint): Promise<ReadLog> {
  const batches: RawBatch[] = [];
  let offset = target.offset;
  let droppedAborted = 0;
  let droppedControl = 0;
  for (;;) {
    const answer = await fetchOne(fetcher, { ...target, offset, maxBytes: bytesAtOnce }, { maxWaitMs: 50, maxBytes: bytesAtOnce });
    if (answer.kind === 'retry') continue;
    if (answer.kind !== 'batches') throw new Error(`answered ${answer.kind}`);
    batches.push(...answer.batches);
    droppedAborted += answer.droppedAborted;
    droppedControl += answer.droppedControl;
    if (answer.empty) return { batches, nextOffset: offset, droppedAborted, droppedControl };
    offset = answer.nextOffset;
    if (end !== undefined && offset >= end) return { batches, nextOffset: offset, droppedAborted, droppedControl };
  }
}

/** Records in the form that the oracle returns them, without headers. */
export function recordsOf(batches: readonly RawBatch[]) {
  const records: { offset: bigint; timestamp: bigint; key: Buffer | null; value: Buffer | null }[] = [];
  const visit = recordVisitor(maxBytes);
  for (const batch of batches) {
    visit(batch, ({ bytes, offset, timestampMs, keyStart, keyEnd, valueStart, valueEnd }) => {
      const part = (start: number, end: number): Buffer | null => (start < 0 ? null : Buffer.from(bytes.subarray(start, end)));
      records.push({ offset, timestamp: BigInt(timestampMs), key: part(keyStart, keyEnd), value: part(valueStart, valueEnd) });
    });
  }
  return records;
}

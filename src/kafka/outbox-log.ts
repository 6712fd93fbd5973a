import { FarshoreError } from '../model/errors.ts';
import type { OutboxLog, OutboxRow } from '../outbox/contracts.ts';
import { buildBatch, recordOf } from './batch/build.ts';
import { compress } from './batch/codecs.ts';
import { partitionOf } from './key-partition.ts';
import { outboxHeaders } from './outbox-headers.ts';
import { fetchOffsets } from './regional-log-positions.ts';
import { encodedHeader } from './rejected-writer.ts';
import { TransactionalWriter, type TransactionalWriterOptions } from './transactions.ts';
import { backOffMs, mayReadAgain } from './transactions-outcome.ts';

/** How long the position may be unstable: the coordinator has to end a transaction it was told to abort. */
const STABLE_WITHIN_MS = 60_000;

/** Transactional id of a region's outbox relay, and the group its place is committed in. */
export const outboxName = (region: string): string => `farshore.outbox.${region}`;

/** `positionTopic` exists and has a partition 0; the name of the last batch is committed under it, in the relay's own group. */
export function outboxLog(options: TransactionalWriterOptions, positionTopic: string): OutboxLog {
  const { cluster, group } = options;
  const writer = new TransactionalWriter(options);
  return {
    async open(signal) {
      await writer.open(signal);
      const deadlineMs = cluster.clock.monotonicMs() + STABLE_WITHIN_MS;
      for (let attempt = 0; ; attempt++) {
        try {
          const { offsets } = await fetchOffsets(cluster, group, [{ topic: positionTopic, partitions: [0] }], signal);
          const [found] = offsets;
          if (found === undefined)
            throw new FarshoreError('broker_request_failed', `${cluster.name}: the outbox's position was not answered`);
          return found.offset < 0n ? undefined : (found.metadata ?? undefined);
        } catch (error) {
          if (!mayReadAgain(error) || cluster.clock.monotonicMs() >= deadlineMs) throw error;
          await cluster.clock.sleep(backOffMs(attempt), signal);
        }
      }
    },
    async publish({ name, rows }, signal) {
      const described = await cluster.topics([...new Set(rows.map(({ topic }) => topic))], signal);
      const counts = new Map(described.map(({ topic, partitions }) => [topic, partitions.length]));
      const byPartition = Map.groupBy(rows, (row) => `${partitionFor(row, counts.get(row.topic))}:${row.topic}`);
      const writes = [...byPartition.values()].map((ofPartition) => {
        const { topic } = ofPartition[0]!;
        const bytes = buildBatch(ofPartition.map(record(cluster.clock.wallMs())), 'none', compress);
        const batch = {
          bytes,
          baseOffset: 0n,
          lastOffset: BigInt(ofPartition.length - 1),
          recordCount: ofPartition.length,
          magic: 2 as const,
        };
        return { topic, partition: partitionFor(ofPartition[0]!, counts.get(topic)), batches: [batch] };
      });
      await writer.produce(writes, signal);
      await writer.commit([{ topic: positionTopic, partition: 0, offset: 0n, leaderEpoch: -1, metadata: name }], signal);
    },
  };
}

function partitionFor({ topic, partition, key, id }: OutboxRow, count: number | undefined): number {
  if (count === undefined || (partition !== undefined && partition >= count)) {
    throw new FarshoreError(
      'topic_missing',
      `The outbox names ${topic}${partition === undefined ? '' : `:${partition}`}, which does not exist`,
    );
  }
  return partition ?? (key === null ? Number(id % BigInt(count)) : partitionOf(key, count));
}

const record = (nowMs: number) => (row: OutboxRow) => {
  const plain = recordOf(row.key, row.value, nowMs);
  const headers = outboxHeaders(row);
  const bytes = Buffer.concat([plain.bytes, ...headers.map(encodedHeader)]);
  return { ...plain, bytes, headersEnd: bytes.length, headerCount: headers.length };
};

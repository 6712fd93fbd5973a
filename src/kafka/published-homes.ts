import type { PublishedHome, PublishedHomes } from '../mirror/contracts.ts';
import type { RecordView } from '../model/batch.ts';
import { FarshoreError } from '../model/errors.ts';
import { batchReader } from './batch/read.ts';
import { recordVisitor } from './batch/records.ts';
import type { KafkaCluster } from './cluster.ts';
import { RawFetcher } from './fetch.ts';
import { partitionEnds, partitionKey } from './offsets.ts';

/** Compacted topic in which a cluster publishes the homes of its topics (C24). */
export const HOMES_TOPIC = '__farshore.topics';

type Homes = Map<string, PublishedHome>;

const MAX_WAIT_MS = 500;
const MAX_BATCH_BYTES = 8 << 20;

/**
 * Reads `__farshore.topics` to the end it had when the call began: key = topic, value =
 * `{"home":"us-east","epoch":1}`, with `"fromOffsets":{"0":"812"},"topicId":"…"` where a cutover moved it. The higher epoch of a topic holds, whatever
 * the order; a null value takes a topic out.
 *
 * Throws `request_invalid` for a value that is not of that form, naming its offset: a wrong home makes
 * a loop, so nothing is guessed; `broker_request_failed` while a partition cannot be read.
 */
export function publishedHomes(cluster: KafkaCluster): PublishedHomes {
  const fetcher = new RawFetcher(cluster, batchReader(MAX_BATCH_BYTES));
  const visitRecords = recordVisitor(MAX_BATCH_BYTES);
  return {
    read: async (signal) => {
      const homes: Homes = new Map();
      const described = (await cluster.topics([HOMES_TOPIC], signal))[0];
      if (described === undefined) return homes;
      const partitions = described.partitions.map(({ partition }) => ({ topic: HOMES_TOPIC, partition }));
      const ends = await partitionEnds(cluster, partitions, signal);
      if (ends.length < partitions.length) throw unread('a partition did not say where it ends');
      for (const { partition, start, end } of ends) {
        let offset = start;
        while (offset < end) {
          const target = {
            topic: HOMES_TOPIC,
            topicId: described.topicId,
            partition,
            offset,
            lastFetchedEpoch: -1,
            maxBytes: MAX_BATCH_BYTES,
          };
          const [answer] = await fetcher.fetch([target], { maxWaitMs: MAX_WAIT_MS, maxBytes: MAX_BATCH_BYTES }, signal);
          if (answer?.kind !== 'batches')
            throw unread(answer === undefined || answer.kind !== 'retry' ? (answer?.kind ?? 'no answer') : answer.reason);
          for (const batch of answer.batches) visitRecords(batch, (record) => takeHome(homes, record, partition));
          // C8: an empty answer to a fetch for this partition alone, up to its last stable offset, has nothing left.
          if (answer.empty && answer.lastStableOffset >= end) break;
          offset = answer.nextOffset;
        }
      }
      return homes;
    },
  };
}

function takeHome(homes: Homes, record: RecordView, partition: number): void {
  const place = `${partitionKey(HOMES_TOPIC, partition)}@${record.offset}`;
  if (record.keyStart < 0) throw malformed(place, 'it has no key');
  const topic = record.bytes.toString('utf8', record.keyStart, record.keyEnd);
  if (record.valueStart < 0) {
    homes.delete(topic);
    return;
  }
  const published = parseHome(record.bytes.toString('utf8', record.valueStart, record.valueEnd));
  if (published === undefined) throw malformed(place, 'its value is not {"home": text, "epoch": whole number}');
  const known = homes.get(topic);
  if (known === undefined || published.epoch >= known.epoch) homes.set(topic, published);
}

/** A published home, or undefined when the text is not one. */
export function parseHome(text: string): PublishedHome | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('home' in value) || !('epoch' in value)) return undefined;
  const { home, epoch } = value;
  if (typeof home !== 'string' || home === '' || typeof epoch !== 'number' || !Number.isInteger(epoch) || epoch < 0) return undefined;
  const from = 'fromOffsets' in value ? value.fromOffsets : undefined;
  if (from === undefined) return { home, epoch, fromOffsets: undefined, topicId: undefined };
  if (typeof from !== 'object' || from === null) return undefined;
  const topicId = 'topicId' in value ? value.topicId : undefined;
  if (topicId !== undefined && (typeof topicId !== 'string' || topicId === '')) return undefined;
  const fromOffsets = new Map<number, bigint>();
  for (const [partition, offset] of Object.entries(from)) {
    if (!/^\d{1,9}$/.test(partition) || typeof offset !== 'string' || !/^\d{1,19}$/.test(offset)) return undefined;
    fromOffsets.set(Number(partition), BigInt(offset));
  }
  return { home, epoch, fromOffsets, topicId };
}

const unread = (reason: string): FarshoreError =>
  new FarshoreError('broker_request_failed', `${HOMES_TOPIC} cannot be read to its end: ${reason}`, { place: HOMES_TOPIC });

const malformed = (place: string, why: string): FarshoreError =>
  new FarshoreError('request_invalid', `A record of ${HOMES_TOPIC} cannot be read: ${why}`, {
    place,
    hint: `Publish the topic's home again, or delete the record by a null value.`,
  });

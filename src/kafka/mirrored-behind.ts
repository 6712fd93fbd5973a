import type { MirroredBehind, MirroredTo } from '../mirror/contracts.ts';
import { batchProducerId } from '../model/batch.ts';
import { offsetValue } from '../model/offsets.ts';
import { type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import { batchReader } from './batch/read.ts';
import type { KafkaCluster } from './cluster.ts';
import { RawFetcher } from './fetch.ts';
import { writtenEnds } from './offsets.ts';

const LOOK_BYTES = 65_536;
/** Aborted batches and markers in between are passed over; so many looks of them are more than a mirror ever leaves. */
const MOST_LOOKS = 1_000;
const NONE_KEPT_BYTES = 0;
const MAX_OLD_FORMAT_BYTES = 1_048_576;

/**
 * What lies behind each regional end, by `topic:partition`. The first committed batch decides: a region's own applications write there while it is
 * the home, and what lies behind theirs is not looked at. Nothing is answered then, nor for a log that cannot be asked.
 */
export async function mirroredBehind(
  cluster: KafkaCluster,
  mirroredTo: readonly MirroredTo[],
  producerIds: ReadonlySet<bigint>,
  signal: AbortSignal,
): Promise<ReadonlyMap<TopicPartitionKey, MirroredBehind>> {
  const behind = new Map<TopicPartitionKey, MirroredBehind>();
  if (mirroredTo.length === 0) return behind;
  const answers = await writtenEnds(cluster, mirroredTo, signal);
  const ends = new Map(answers.map(({ topic, partition, end }) => [topicPartitionKey(topic, partition), end]));
  const fetcher = new RawFetcher(cluster, batchReader(MAX_OLD_FORMAT_BYTES), NONE_KEPT_BYTES);
  for (const place of mirroredTo) {
    const key = topicPartitionKey(place.topic, place.partition);
    const end = ends.get(key);
    const first = end === undefined ? undefined : await firstCommitted(cluster, fetcher, place, end, signal);
    if (first === 'none') behind.set(key, { kind: 'nothing' });
    else if (first !== undefined && producerIds.has(first.producerId)) behind.set(key, { kind: 'batch', offset: first.offset });
  }
  return behind;
}

/** Undefined where it is not known. */
async function firstCommitted(
  cluster: KafkaCluster,
  fetcher: RawFetcher,
  { topic, partition, regionalEnd }: MirroredTo,
  end: bigint,
  signal: AbortSignal,
): Promise<{ readonly offset: bigint; readonly producerId: bigint } | 'none' | undefined> {
  let offset = offsetValue(regionalEnd);
  // Behind the records of a transaction lies its marker, and mostly nothing else.
  if (end === offset || end === offset + 1n) return 'none';
  const topicId = cluster.knownTopic(topic)?.topicId;
  if (topicId === undefined) return undefined;
  for (let look = 0; look < MOST_LOOKS; look++) {
    if (offset >= end) return 'none';
    const target = { topic, topicId, partition, offset, lastFetchedEpoch: -1, maxBytes: LOOK_BYTES };
    const [answer] = await fetcher.fetch([target], { maxWaitMs: 0, maxBytes: LOOK_BYTES }, signal);
    if (answer?.kind !== 'batches') return undefined;
    const [batch] = answer.batches;
    if (batch !== undefined) return { offset: batch.baseOffset, producerId: batch.magic < 2 ? -1n : batchProducerId(batch.bytes) };
    if (answer.nextOffset <= offset) return undefined;
    offset = answer.nextOffset;
  }
  return undefined;
}

import { batchProducerId } from '../model/batch.ts';
import { offsetValue } from '../model/offsets.ts';
import type { MirrorPosition } from '../model/position.ts';
import { batchReader } from './batch/read.ts';
import type { KafkaCluster } from './cluster.ts';
import { RawFetcher } from './fetch.ts';
import { writtenEnds } from './offsets.ts';

const LOOK_BYTES = 65_536;
/** Aborted batches and markers in between are passed over; so many looks of them are more than a mirror ever leaves. */
const MOST_LOOKS = 1_000;
const NONE_KEPT_BYTES = 0;
const MAX_OLD_FORMAT_BYTES = 1_048_576;

export interface StalePosition {
  readonly position: MirrorPosition;
  /** Regional offset of a committed batch that was mirrored after it. */
  readonly at: bigint;
}

/**
 * The first position that is older than what was mirrored: behind its regional end the log holds a committed batch of the same producer, whose
 * transaction moved the position too. A group's coordinator can answer so. Seen with Kafka 4.1.1 after a broker was killed and started again:
 *
 *     restart · positions are committed for five minutes · killed and started · the group's log holds all of them, with their markers ·
 *     OffsetFetch with require_stable answers the position from before the first restart · 65,000 records a partition were mirrored twice
 *
 * Batches of other producers say nothing: the region's own applications write there while it is the home. Positions whose log cannot be asked, or
 * which were never written behind, are not judged.
 */
export async function stalePosition(
  cluster: KafkaCluster,
  positions: Iterable<MirrorPosition>,
  producerId: bigint,
  signal: AbortSignal,
): Promise<StalePosition | undefined> {
  const written = [...positions].filter(({ regionalEnd }) => regionalEnd !== undefined);
  if (written.length === 0) return undefined;
  const ends = new Map((await writtenEnds(cluster, written, signal)).map(({ topic, partition, end }) => [`${topic}:${partition}`, end]));
  const fetcher = new RawFetcher(cluster, batchReader(MAX_OLD_FORMAT_BYTES), NONE_KEPT_BYTES);
  for (const position of written) {
    const end = ends.get(`${position.topic}:${position.partition}`);
    const mirroredTo = offsetValue(position.regionalEnd!);
    // Behind the records of its transaction lies the marker, and mostly nothing else.
    if (end === undefined || end <= mirroredTo + 1n) continue;
    const first = await firstCommitted(cluster, fetcher, position, mirroredTo, end, signal);
    if (first !== undefined && first.producerId === producerId) return { position, at: first.offset };
  }
  return undefined;
}

async function firstCommitted(
  cluster: KafkaCluster,
  fetcher: RawFetcher,
  { topic, partition }: MirrorPosition,
  from: bigint,
  end: bigint,
  signal: AbortSignal,
): Promise<{ readonly offset: bigint; readonly producerId: bigint } | undefined> {
  const topicId = cluster.knownTopic(topic)?.topicId;
  if (topicId === undefined) return undefined;
  let offset = from;
  for (let look = 0; look < MOST_LOOKS && offset < end; look++) {
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

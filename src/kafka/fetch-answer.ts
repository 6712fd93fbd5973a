import type { FetchedPartition, FetchTarget } from '../model/fetch.ts';
import { committedBatches } from './batch/abort-filter.ts';
import { batchProof, type ReadBatches } from './batch/read.ts';
import { kafkaErrorKind, kafkaErrorName } from './errors.ts';
import type { FetchMemory } from './fetch-memory.ts';
import type { FetchAnswerPart } from './fetch-wire.ts';

/**
 * What one partition's answer means before anybody is asked anything else. `ask_ends` and `ask_topic`
 * are answers that only say so after ListOffsets or fresh metadata.
 */
export type JudgedPart =
  | FetchedPartition
  | { readonly kind: 'ask_ends' | 'ask_topic' | 'moved'; readonly reason: string }
  /** Nothing was read: a replica that is nearer is to be asked. */
  | { readonly kind: 'ask_replica'; readonly brokerId: number };

export function judgePart(target: FetchTarget, part: FetchAnswerPart, read: ReadBatches, memory: FetchMemory): JudgedPart {
  const { topic, partition } = target;
  if (part.code === 0) {
    // Such an answer is empty whatever the log holds: taken for an empty log, it would prove a gap that is none (C8).
    if (part.preferredReadReplica >= 0) return { kind: 'ask_replica', brokerId: part.preferredReadReplica };
    return part.diverging === undefined ? readPart(target, part, read, memory) : { kind: 'diverging', topic, partition, ...part.diverging };
  }
  const reason = kafkaErrorName(part.code);
  if (reason === 'CORRUPT_MESSAGE') {
    return { kind: 'corrupt', topic, partition, offset: target.offset, reason: 'the broker finds its own copy damaged' };
  }
  switch (kafkaErrorKind(part.code)) {
    case 'out_of_range':
      return { kind: 'ask_ends', reason };
    case 'unknown_topic':
      return { kind: 'ask_topic', reason };
    case 'denied':
      return { kind: 'denied', topic, partition };
    case 'leadership':
      return { kind: 'moved', reason };
    default:
      return { kind: 'retry', topic, partition, reason };
  }
}

/**
 * Committed batches up to the first damaged one: what lies before the damage is good and is given out,
 * and the next fetch then begins at the damage and says so.
 */
function readPart(target: FetchTarget, part: FetchAnswerPart, read: ReadBatches, memory: FetchMemory): FetchedPartition {
  const { topic, partition, offset } = target;
  const { batches, corrupt } = read(part.records);
  const last = batches.at(-1);
  if (last === undefined && corrupt !== undefined) return { kind: 'corrupt', topic, partition, ...corrupt };
  const committed = committedBatches(batches, part.aborted, offset);
  return {
    kind: 'batches',
    topic,
    partition,
    ...committed,
    empty: part.records.length === 0,
    highWatermark: part.highWatermark,
    lastStableOffset: part.lastStableOffset,
    logStartOffset: part.logStartOffset,
    lastBatch: last === undefined ? undefined : batchProof(last),
    release: () => memory.give(part.records),
  };
}

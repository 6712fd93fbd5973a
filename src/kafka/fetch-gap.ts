import type { FetchedPartition } from '../model/fetch.ts';

type Batches = Extract<FetchedPartition, { kind: 'batches' }>;

/** Whether an answer looks as if its log held nothing from the offset asked for to its last stable offset (C8). */
export const isGap = (answer: FetchedPartition, offset: bigint): answer is Batches =>
  answer.kind === 'batches' && answer.empty && answer.lastStableOffset > offset;

/**
 * What such an answer proves, with the start of the part of the log that is on the broker. Of a tiered topic the broker reads older records from
 * remote storage, and where that takes longer than the fetch may wait it answers empty, with no error and the true last stable offset: taken
 * for a gap, all records in remote storage would be passed over. `localStart` is null where the brokers know no remote storage, undefined where the broker
 * did not say.
 */
export function provedGap(answer: Batches, offset: bigint, localStart: bigint | null | undefined): FetchedPartition {
  if (localStart === null || (localStart !== undefined && offset >= localStart)) return answer;
  const { topic, partition } = answer;
  const reason = localStart === undefined ? 'the broker did not say which part of the log it holds' : 'remote storage has not answered yet';
  return { kind: 'retry', topic, partition, reason };
}

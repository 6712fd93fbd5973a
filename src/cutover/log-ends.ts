import type { FromOffsets } from './publication.ts';
import type { EpochBegin, Offsets, PartitionEnd } from './step-contracts.ts';

export const topicIdsOf = (ends: readonly PartitionEnd[]): EpochBegin['topicIds'] =>
  Object.fromEntries(ends.map(({ topic, topicId }) => [topic, topicId]));

export function offsetsOf(ends: readonly PartitionEnd[]): Offsets {
  const offsets: Record<string, Record<string, string>> = {};
  for (const { topic, partition, end } of ends) {
    offsets[topic] ??= {};
    offsets[topic][partition] = String(end);
  }
  return offsets;
}

/** Where the region's logs ended when the home came here, without those of topics that were created again since: all that these hold is new. */
export const ofSameLogs = (kept: FromOffsets | undefined, ids: EpochBegin['topicIds']): Offsets =>
  Object.fromEntries(
    Object.entries(kept?.regional ?? {}).filter(([topic]) => {
      const [before, now] = [kept?.regionalIds?.[topic], ids[topic]];
      return before === undefined || now === undefined || before === now;
    }),
  );

/** Ends of the partitions that were written to: of the others there is nothing to carry back. */
export const grownSince = (before: Offsets, ends: Offsets): Offsets =>
  Object.fromEntries(
    Object.entries(ends).map(([topic, partitions]) => [
      topic,
      Object.fromEntries(Object.entries(partitions).filter(([partition, end]) => before[topic]?.[partition] !== end)),
    ]),
  );

/** Places that are not the same in both, or in one only. */
export function differences(before: Offsets, after: Offsets): readonly string[] {
  const places = new Set<string>();
  for (const [one, other] of [
    [before, after],
    [after, before],
  ] as const) {
    for (const [topic, partitions] of Object.entries(one))
      for (const [partition, offset] of Object.entries(partitions))
        if (other[topic]?.[partition] !== offset) places.add(`${topic}:${partition}`);
  }
  return [...places];
}

export const openTransactions = (ends: readonly PartitionEnd[]): readonly string[] =>
  ends
    .filter(({ end, highWatermark }) => end !== highWatermark)
    .map(({ topic, partition, end, highWatermark }) => `${topic}:${partition} has an open transaction from ${end} to ${highWatermark}`);

import type { FarshoreError } from '../model/errors.ts';
import { offsetValue } from '../model/offsets.ts';
import type { WrittenEnd } from './contracts.ts';
import type { KeptEnds } from './old-position.ts';
import type { MirrorPartition } from './partition.ts';
import { regionTruncated } from './start-check.ts';
import type { PartitionTable } from './table.ts';

export interface RegionCut {
  readonly partition: MirrorPartition;
  readonly error: FarshoreError;
  readonly lost: { readonly from: bigint; readonly to: bigint } | undefined;
}

/**
 * Partitions whose regional log was cut since the last transaction there, as where a write came to lie tells. Only a start compares ends, and a
 * partition that was idle had no reason for one:
 *
 *     mirrored to 100 · its leader is lost, uncleanly · the new one has 90 · a record comes: written at 90 · what lay from 90 to 100 is gone, untold
 *
 * To be looked for with the first write: what is written, and the marker behind it, hide it from all who look later.
 */
export function regionCuts(
  ends: readonly Pick<WrittenEnd, 'topic' | 'partition' | 'firstOffset'>[],
  table: Pick<PartitionTable, 'get'>,
  kept: Pick<KeptEnds, 'last'>,
): readonly RegionCut[] {
  return ends.flatMap(({ topic, partition: number, firstOffset }): readonly RegionCut[] => {
    const partition = table.get(topic, number);
    const mirroredTo = partition && mirroredToOf(partition, kept);
    const first = offsetValue(firstOffset);
    if (partition === undefined || mirroredTo === undefined || first >= mirroredTo.leastFirst) return [];
    const { error, lost } = regionTruncated({ topic, partition: number, regional: { end: first } }, mirroredTo.end);
    return [{ partition, error, lost }];
  });
}

/** Up to where the region is known to hold what was mirrored, and where the next record can lie at the least. */
function mirroredToOf(
  { route, partition, committed }: MirrorPartition,
  kept: Pick<KeptEnds, 'last'>,
): { readonly end: bigint; readonly leastFirst: bigint } | undefined {
  const point = kept.last(route.regional, partition)?.point.regional;
  const own = committed?.regionalEnd;
  if (own !== undefined && (point === undefined || point <= own)) {
    const end = offsetValue(own);
    // The marker of that transaction lies behind its records: the next one is not let in before it is written.
    return { end, leastFirst: end + 1n };
  }
  return point === undefined ? undefined : { end: offsetValue(point), leastFirst: offsetValue(point) };
}

/** What is known of a topic whose home moves when the ends of its partitions are asked for. */
export interface MovingCounts {
  /** Partitions that the region's ledger has. */
  readonly recorded: number;
  /** Partitions that the regional topic has; undefined where it was not asked for, or is not there. */
  readonly inRegion: number | undefined;
  readonly isHomeHere: boolean;
  /** The primary is given up. */
  readonly isLost: boolean;
}

export interface WantedPartitions {
  readonly partitions: number;
  readonly orMore: boolean;
}

/**
 * How many partitions a topic must have on a side, so that the ends which are answered are all that move:
 *
 *     the primary is home and has grown · its mirror has not · what is in the new partition would be left behind
 *
 * While the region is home its topic grows by itself, which nobody records there; the way back must have made as many at the primary. Of a primary that is lost a growth under way is never recorded: nothing is mirrored into what it
 * added before that.
 */
export function partitionsWanted(side: 'primary' | 'region', { recorded, inRegion, isHomeHere, isLost }: MovingCounts): WantedPartitions {
  if (side === 'region') return { partitions: recorded, orMore: isHomeHere || isLost };
  return { partitions: isHomeHere ? Math.max(recorded, inRegion ?? 0) : recorded, orMore: false };
}

export const areAll = (count: number, { partitions, orMore }: WantedPartitions): boolean =>
  orMore ? count >= partitions : count === partitions;

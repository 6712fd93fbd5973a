import { type HomeOffset, offsetValue, type RegionalOffset, regionalOffset } from '../model/offsets.ts';

/**
 * One point of the mapping between the two logs of a partition. What it says, and all it says: every record
 * below `home` came to lie below `regional`, and every record from `home` on lies at `regional` or after it.
 */
export interface OffsetPoint {
  readonly home: HomeOffset;
  readonly regional: RegionalOffset;
}

/** A point with the one after it: the true answer lies between them. `next` is undefined for the newest point. */
export interface Translation {
  readonly at: OffsetPoint;
  readonly next: OffsetPoint | undefined;
}

/** Most points of a partition. */
export const MOST_POINTS = 256;
/** What a thinning leaves at most: below the limit, so that one pays for many points added. */
const LEFT_BY_THINNING = 192;
const FINEST_PARTS = 64n;

/**
 * Drops points until at most three quarters of the limit are left: a gap may be as long as a fixed part of its
 * distance to the end, the smallest part that suffices. So an answer is exact to a batch near the end and less
 * sharp the older it is, and thinning again later adds no error to that. The first point stays. What is left is
 * a subset, and a subset of true points is true.
 */
export function thinned(points: readonly OffsetPoint[]): readonly OffsetPoint[] {
  if (points.length <= MOST_POINTS) return points;
  for (let parts = FINEST_PARTS; parts > 0n; parts /= 2n) {
    const left = withGapsUpTo(points, parts);
    if (left.length <= LEFT_BY_THINNING) return left;
  }
  // Gaps as long as their distance still leave too much only in a log that grew by more than 2^128.
  return points.slice(-LEFT_BY_THINNING);
}

/** Drops a point when the gap that remains is at most a `parts`-th of the distance from its newer end to the last point. */
function withGapsUpTo(points: readonly OffsetPoint[], parts: bigint): readonly OffsetPoint[] {
  const end = offsetValue(points.at(-1)?.regional ?? regionalOffset(0n));
  const left: OffsetPoint[] = [];
  let newer = end;
  for (let index = points.length - 1; index >= 0; index--) {
    const point = points[index];
    const older = points[index - 1];
    if (point === undefined) continue;
    const spared = older !== undefined && index < points.length - 1 && (newer - offsetValue(older.regional)) * parts <= end - newer;
    if (spared) continue;
    left.push(point);
    newer = offsetValue(point.regional);
  }
  return left.reverse();
}

/**
 * Where a consumer that has read everything below `home` goes on in the region: it skips nothing and reads
 * again at most what lies before `next`. Undefined when `home` is older than everything kept.
 */
export const toRegional = (points: readonly OffsetPoint[], home: HomeOffset): Translation | undefined =>
  lastAtMost(points, (point) => offsetValue(point.home), offsetValue(home));

/** Where a consumer that has read everything below `regional` goes on at home; as `toRegional`. */
export const toHome = (points: readonly OffsetPoint[], regional: RegionalOffset): Translation | undefined =>
  lastAtMost(points, (point) => offsetValue(point.regional), offsetValue(regional));

function lastAtMost(points: readonly OffsetPoint[], of: (point: OffsetPoint) => bigint, asked: bigint): Translation | undefined {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const point = points[middle];
    if (point !== undefined && of(point) <= asked) low = middle + 1;
    else high = middle;
  }
  const at = points[low - 1];
  return at === undefined ? undefined : { at, next: points[low] };
}

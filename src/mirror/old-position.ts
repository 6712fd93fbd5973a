import { type HomeOffset, offsetValue, type RegionalOffset } from '../model/offsets.ts';
import type { MirrorPosition } from '../model/position.ts';
import type { OffsetPoint } from './offset-points.ts';

/** What is known to have been committed of a partition, at the least: kept beside the positions, and taken back before one is moved back. */
export interface KeptEnd {
  /** Topic id at home that the point counts. */
  readonly homeTopicId: string;
  readonly point: OffsetPoint;
  /** What was committed last, as far as this process or the point tells. */
  readonly next: HomeOffset;
}

/** Keeps, independently of the region's group, how far each partition was mirrored. */
export interface KeptEnds {
  /** Undefined where nothing is known. */
  last(topic: string, partition: number): KeptEnd | undefined;
  /** A partition goes on from this position. */
  found(position: MirrorPosition): void;
}

/** What a position that the region's group answered is compared with. */
export interface PositionEvidence {
  readonly homeTopicId: string;
  readonly kept: KeptEnd | undefined;
  /** Regional offset of a committed batch of this mirror behind the regional end of the position; undefined where there is none. */
  readonly mirroredBehind: bigint | undefined;
  /** Log end of the regional partition. */
  readonly regionalEnd: bigint;
}

/** Counts less than was committed of the same log; or more, of a pass before mirroring began anew. The regional log never goes back: it decides. */
export function isBehind({ next, regionalEnd }: MirrorPosition, { point, next: known }: KeptEnd): boolean {
  if (regionalEnd === undefined || regionalEnd === point.regional) return next < known;
  return regionalEnd < point.regional;
}

/** Up to where the regional log holds what was carried into it, as far as is known: a position may be old, or not be answered. */
export function carriedTo(
  position: MirrorPosition | undefined,
  kept: KeptEnd | undefined,
  homeTopicId: string,
): RegionalOffset | undefined {
  const regional = kept?.homeTopicId === homeTopicId ? kept.point.regional : undefined;
  const answered = position?.regionalEnd;
  if (regional === undefined || answered === undefined) return answered ?? regional;
  if (answered < regional) return regional;
  return answered;
}

/**
 * Why a position, or that there is none, is an older answer than the last commit; undefined for one that may be the last. A group's coordinator
 * can answer so while it holds only part of its log. Seen with Kafka 4.1.1, and shown at will with a group log of 30 MB, on a broker that starts:
 *
 *     leader with epoch 0 · its coordinator loads, slowly · fenced and unfenced: leader with epoch 2 · a second load is queued · the first ends ·
 *     its end is taken for that of the second · OffsetFetch with require_stable answers what the second has read so far: none, then all old ones
 *
 * What was mirrored since such a position would be mirrored again, and taking none for a lost one would mirror everything again. A regional log
 * that is shorter than what was kept lost records itself, which is told instead (`region_truncated`).
 */
export function whyOld(position: MirrorPosition | undefined, evidence: PositionEvidence): string | undefined {
  const { homeTopicId, kept, mirroredBehind, regionalEnd } = evidence;
  if (position !== undefined && mirroredBehind !== undefined)
    return `the position ${offsetValue(position.next)}, and what was mirrored behind it lies in the region from ${mirroredBehind} on`;
  if (kept === undefined || kept.homeTopicId !== homeTopicId) return undefined;
  const { regional } = kept.point;
  if (regionalEnd < offsetValue(regional)) return undefined;
  const was = `although ${offsetValue(kept.next)} was committed and the regional log had ${offsetValue(regional)}`;
  if (position === undefined) return `no position, ${was}`;
  if (position.topicId !== homeTopicId) return `the position of another topic at home, ${was}`;
  return isBehind(position, kept) ? `the position ${offsetValue(position.next)}, ${was}` : undefined;
}

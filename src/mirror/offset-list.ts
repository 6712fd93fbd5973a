import { batchLastOffsetDelta, type RawBatch } from '../model/batch.ts';
import { type HomeOffset, homeOffset, offsetValue, type RegionalOffset, regionalOffset } from '../model/offsets.ts';
import type { MirrorPosition } from '../model/position.ts';
import { MOST_POINTS, type OffsetPoint, thinned } from './offset-points.ts';

/** One part of what a transaction wrote to a partition, as points: its batches' memory is used again before the transaction ends. */
export interface WrittenPart {
  /** Where the first batch lies at home. */
  readonly from: HomeOffset | undefined;
  readonly first: RegionalOffset;
  readonly end: RegionalOffset;
  /** One behind each batch, where their offsets follow from the first one's. */
  readonly points: readonly OffsetPoint[];
}

/** Of batches that came to lie at `first` to `end`. */
export function writtenPart(batches: readonly RawBatch[], first: RegionalOffset, end: RegionalOffset): WrittenPart {
  const from = batches[0] === undefined ? undefined : homeOffset(batches[0].baseOffset);
  const points: OffsetPoint[] = [];
  let regional = offsetValue(first);
  for (const { bytes, lastOffset } of batches) {
    regional += BigInt(batchLastOffsetDelta(bytes) + 1);
    points.push({ home: homeOffset(lastOffset + 1n), regional: regionalOffset(regional) });
  }
  // Somebody else wrote between them.
  return { from, first, end, points: regional === offsetValue(end) ? points : [] };
}

/** The points of one partition while it is mirrored. They rise in both offsets, or are dropped. */
export class OffsetList {
  readonly topic: string;
  readonly partition: number;
  homeTopicId: string;
  /** What was added since it was published last. */
  changed = false;
  #points: readonly OffsetPoint[];
  /** Added since the last thinning; kept apart so that adding one is a push. */
  #fresh: OffsetPoint[] = [];
  /** The committed position: what the next batch begins at. */
  #next: HomeOffset | undefined;

  constructor(topic: string, partition: number, homeTopicId: string, points: readonly OffsetPoint[] = []) {
    this.topic = topic;
    this.partition = partition;
    this.homeTopicId = homeTopicId;
    this.#points = points;
  }

  points(): readonly OffsetPoint[] {
    if (this.#fresh.length > 0) {
      this.#points = thinned([...this.#points, ...this.#fresh]);
      this.#fresh = [];
    }
    return this.#points;
  }

  /** The committed position, as far as it is known. */
  get next(): HomeOffset | undefined {
    return this.#next ?? this.last?.home;
  }

  get last(): OffsetPoint | undefined {
    return this.#fresh.at(-1) ?? this.#points.at(-1);
  }

  forget(homeTopicId: string): void {
    this.#points = [];
    this.#fresh = [];
    this.#next = undefined;
    this.homeTopicId = homeTopicId;
    this.changed = true;
  }

  /** Whether the points would be of another log, or of a pass that is given up, once this position is committed. */
  contradicts({ topicId, next }: MirrorPosition): boolean {
    return topicId !== this.homeTopicId || (this.next !== undefined && next < this.next);
  }

  /** A position as the region holds it: it says where its last transaction ended. */
  found(position: MirrorPosition): void {
    const { last } = this;
    const regionShorter = last !== undefined && position.regionalEnd !== undefined && position.regionalEnd < last.regional;
    if (this.contradicts(position) || regionShorter) this.forget(position.topicId);
    this.#next = position.next;
    if (position.regionalEnd !== undefined) this.#add(position.next, position.regionalEnd);
  }

  moved({ next }: Pick<MirrorPosition, 'next'>): void {
    this.#next = next;
  }

  /** Mirroring begins at a position, for the first time or anew; what it writes comes to lie behind the log's `end`. */
  begins({ next }: Pick<MirrorPosition, 'next'>, end: RegionalOffset): void {
    this.forget(this.homeTopicId);
    this.#next = next;
    this.#add(next, end);
  }

  /** Parts of one transaction that are durable, in order and at least one, with the home offset mirrored up to. */
  wrote(parts: readonly WrittenPart[], next: HomeOffset): void {
    const [{ from, first }, { last }] = [parts[0]!, this];
    // The regional log counts from lower again: it is another log, or was cut. Nothing kept is true of it.
    if (last !== undefined && first < last.regional) this.forget(this.homeTopicId);
    this.#add(this.#next ?? from ?? next, first);
    for (const { points } of parts) for (const { home, regional } of points) if (home < next) this.#add(home, regional);
    this.#add(next, parts.at(-1)!.end);
    this.#next = next;
  }

  #add(home: HomeOffset, regional: RegionalOffset): void {
    const { last } = this;
    // Of two points with the same home offset the lower one is true for both directions; between them lie only markers.
    if (last !== undefined && (home <= last.home || regional <= last.regional)) return;
    this.#fresh.push({ home, regional });
    this.changed = true;
    if (this.#fresh.length >= MOST_POINTS / 4) this.points();
  }
}

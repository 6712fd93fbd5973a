import { batchLastOffsetDelta, type RawBatch } from '../model/batch.ts';
import { type HomeOffset, homeOffset, offsetValue, type RegionalOffset, regionalOffset } from '../model/offsets.ts';
import type { MirrorPosition } from '../model/position.ts';
import { MOST_POINTS, type OffsetPoint, thinned } from './offset-points.ts';

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

  /** Batches that are durable at `first` to `end`, with the home offset mirrored up to. */
  wrote(batches: readonly RawBatch[], next: HomeOffset, first: RegionalOffset, end: RegionalOffset): void {
    const { last } = this;
    // The regional log counts from lower again: it is another log, or was cut. Nothing kept is true of it.
    if (last !== undefined && first < last.regional) this.forget(this.homeTopicId);
    const begin = this.#next ?? (batches[0] === undefined ? next : homeOffset(batches[0].baseOffset));
    this.#add(begin, first);
    if (isContiguous(batches, first, end)) {
      let regional = offsetValue(first);
      for (const batch of batches) {
        regional += BigInt(batchLastOffsetDelta(batch.bytes) + 1);
        const home = homeOffset(batch.lastOffset + 1n);
        if (home < next) this.#add(home, regionalOffset(regional));
      }
    }
    this.#add(next, end);
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

/** Whether nobody else wrote between the batches, so that each one's offset follows from the first. */
function isContiguous(batches: readonly RawBatch[], first: RegionalOffset, end: RegionalOffset): boolean {
  let records = 0;
  for (const { bytes } of batches) records += batchLastOffsetDelta(bytes) + 1;
  return offsetValue(end) - offsetValue(first) === BigInt(records);
}

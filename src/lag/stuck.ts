import type { TopicPartitionKey } from '../model/partition.ts';

interface Standing {
  readonly lastStable: bigint;
  readonly sinceMs: number;
  readonly seenMs: number;
}

/**
 * How long last stable offsets of one cluster have stood still below their high watermarks: an open
 * transaction there holds back every reader, mirror and apply included, while lag by ends says "caught up".
 */
export class StuckEnds {
  readonly #standing = new Map<TopicPartitionKey, Standing | undefined>();

  /** Takes one partition's ends, read at a monotonic time. */
  read(partition: TopicPartitionKey, atMs: number, lastStable: bigint, highWatermark: bigint): void {
    if (highWatermark <= lastStable) {
      this.#standing.set(partition, undefined);
      return;
    }
    const before = this.#standing.get(partition);
    const sinceMs = before?.lastStable === lastStable ? before.sinceMs : atMs;
    this.#standing.set(partition, { lastStable, sinceMs, seenMs: atMs });
  }

  keepOnly(partitions: ReadonlySet<TopicPartitionKey>): void {
    for (const partition of this.#standing.keys()) if (!partitions.has(partition)) this.#standing.delete(partition);
  }

  /** The longest one, up to when it was last seen so; undefined before any high watermark was read. */
  longestSeconds(): number | undefined {
    if (this.#standing.size === 0) return undefined;
    let longestMs = 0;
    for (const standing of this.#standing.values()) {
      if (standing !== undefined) longestMs = Math.max(longestMs, standing.seenMs - standing.sinceMs);
    }
    return longestMs / 1000;
  }
}

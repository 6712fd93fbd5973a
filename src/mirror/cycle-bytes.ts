/** Below this a cycle is mostly its transaction: a broker answers one whole batch however small the limit is. */
export const LEAST_CYCLE_BYTES = 65_536;

/** How the last transaction went. */
export interface CycleTiming {
  /** What its largest cycle carried. */
  readonly bytes: number;
  /** From its first request to its end, or to the error. */
  readonly tookMs: number;
  readonly committed: boolean;
  /** After which the coordinator ends it by itself. */
  readonly transactionTimeoutMs: number;
}

/**
 * The bytes to fetch for the next cycle, from the limit of the last one. A transaction that does not end within its timeout is aborted by the
 * coordinator and all of its bytes are sent again: where a whole cycle is too much (a slow link; thousands of small batches, of which a request takes
 * one a partition) that would go on for ever. So after half of the timeout the next one carries half of what this one did. After less than an eighth
 * it may grow again, if this one was about as large as it may be; in between, with room for a link that becomes slower, it stays.
 */
export function nextCycleBytes(limit: number, mostBytes: number, { bytes, tookMs, committed, transactionTimeoutMs }: CycleTiming): number {
  const least = Math.min(LEAST_CYCLE_BYTES, mostBytes);
  if (tookMs > transactionTimeoutMs / 2) return Math.max(least, Math.floor(Math.min(limit, bytes) / 2));
  if (committed && tookMs < transactionTimeoutMs / 8 && bytes > limit / 2) return Math.min(mostBytes, limit * 2);
  return limit;
}

/**
 * The size of one mirror's cycles. It outlives the mirror: a transaction that ran out of time looks like a newer owner (C10), so the daemon gives up its
 * lease and starts over, and would otherwise begin with the same cycle again.
 */
export class CycleSize {
  #bytes: number | undefined;

  limit(mostBytes: number): number {
    return Math.min(this.#bytes ?? mostBytes, mostBytes);
  }

  note(mostBytes: number, timing: CycleTiming): void {
    this.#bytes = nextCycleBytes(this.limit(mostBytes), mostBytes, timing);
  }
}

/** Those of one process, by shard. */
export class CycleSizes {
  readonly #sizes = new Map<number, CycleSize>();

  of(shard: number): CycleSize {
    let size = this.#sizes.get(shard);
    if (size === undefined) {
      size = new CycleSize();
      this.#sizes.set(shard, size);
    }
    return size;
  }
}

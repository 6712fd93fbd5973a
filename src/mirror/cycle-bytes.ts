/** Below this a cycle is mostly its transaction: a broker answers one whole batch however small the limit is. */
export const LEAST_CYCLE_BYTES = 65_536;

/** How the last transaction went. */
export interface CycleTiming {
  /** From its first request to its end, or to the error. */
  readonly tookMs: number;
  readonly committed: boolean;
  /** After which the coordinator ends it by itself. */
  readonly transactionTimeoutMs: number;
}

/**
 * The bytes to fetch for the next cycle. A transaction that does not end within its timeout is aborted by the coordinator and all of its bytes are
 * sent again: over a link too slow for a whole cycle that would go on for ever, so a cycle that ran for half of the timeout in vain is halved. One
 * that took less than an eighth lets it grow again; in between, with room for a link that becomes slower, it stays.
 */
export function nextCycleBytes(bytes: number, mostBytes: number, { tookMs, committed, transactionTimeoutMs }: CycleTiming): number {
  const least = Math.min(LEAST_CYCLE_BYTES, mostBytes);
  if (tookMs > transactionTimeoutMs / 2) return Math.max(least, Math.floor(bytes / 2));
  if (committed && tookMs < transactionTimeoutMs / 8) return Math.min(mostBytes, bytes * 2);
  return bytes;
}

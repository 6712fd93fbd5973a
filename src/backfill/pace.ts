import type { BackfillSource } from '../model/backfill.ts';

/** Chunks are kept below this, whatever the rows' width: a chunk is in memory three times while it travels. */
const CHUNK_BYTES = 4 * 1024 * 1024;
const FEWEST_ROWS = 10;

/** How many rows the next chunk asks for, by the width of those of the last one. */
export function nextChunkRows(most: number, last: { readonly rows: number; readonly bytes: number } | undefined): number {
  if (last === undefined || last.rows === 0) return Math.min(most, 1_000);
  const fitting = Math.floor((CHUNK_BYTES * last.rows) / Math.max(1, last.bytes));
  return Math.max(Math.min(FEWEST_ROWS, most), Math.min(most, fitting));
}

/** When the chunk after one of `rows` may be read: rows a second over the run, with no more saved up than a second's worth. */
export function nextChunkAtMs(dueMs: number, nowMs: number, rows: number, rowsPerSecond: number | undefined): number {
  if (rowsPerSecond === undefined) return nowMs;
  return Math.max(dueMs, nowMs - 1_000) + (rows / rowsPerSecond) * 1_000;
}

export interface LoadNow {
  /** Why the primary's rows are not those that count now; undefined: they do. */
  readonly homeElsewhere: string | undefined;
  /** Of the partition that is furthest behind; undefined while not known. */
  readonly lagSeconds: number | undefined;
  /** Of apply alone, from the region's log on. */
  readonly applyLagSeconds: number | undefined;
  /** The part of its time in which the daemon's thread is not waiting. */
  readonly load: number;
}

export interface LoadLimits {
  readonly pauseAboveLagSeconds: number;
  readonly pauseAboveLoad: number;
}

/**
 * The stream comes first. Undefined: go on. While the primary is away the region's lag grows, or is not known; records that are here already wait
 * for apply alone.
 */
export function whyWait(
  { homeElsewhere, lagSeconds, applyLagSeconds, load }: LoadNow,
  { pauseAboveLagSeconds, pauseAboveLoad }: LoadLimits,
  from: BackfillSource['from'],
): string | undefined {
  if (homeElsewhere !== undefined) return homeElsewhere;
  const behind = from === 'database' ? lagSeconds : (applyLagSeconds ?? 0);
  if (behind === undefined) return 'the lag of the region is not known';
  if (behind > pauseAboveLagSeconds) return `the region lags ${Math.round(behind)} s`;
  if (load > pauseAboveLoad) return `the daemon is busy (${Math.round(load * 100)} %)`;
  return undefined;
}

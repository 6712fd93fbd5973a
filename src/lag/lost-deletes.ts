/**
 * C7: whether deletes may be gone. A compacted log may remove a tombstone `delete.retention.ms` after it was
 * written, so a stage that leaves a part of the log unread for longer may never see it.
 */
export interface ReadState {
  /** Wall milliseconds: everything written before was read. */
  readonly readUntilMs: number;
  /** Longest time for which a part of the log stood unread since the look before, too high by the time between two looks at most. */
  readonly unreadMs: number;
}

/**
 * `before` is what was known at the last look, of this daemon or of one before it: what was written after it
 * stood unread until now, however fast it was read in between. `lagSeconds` is null while it is unknown.
 */
export function readState(before: number | undefined, lagSeconds: number | null, nowMs: number): ReadState {
  const measured = lagSeconds === null ? undefined : nowMs - lagSeconds * 1_000;
  // Nothing of the log was read before the first look of all: from then on it counts.
  if (before === undefined) return { readUntilMs: measured ?? nowMs, unreadMs: 0 };
  return { readUntilMs: measured === undefined ? before : Math.max(before, measured), unreadMs: nowMs - before };
}

export const mayHaveLostDeletes = (unreadMs: number, retentionMs: number): boolean => unreadMs > retentionMs;

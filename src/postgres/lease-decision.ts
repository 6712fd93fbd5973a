/** The lease row as one query saw it, by the clock of the database. */
export interface SeenLease {
  readonly holder: string;
  readonly epoch: bigint;
  /** Below or equal 0 when it has expired. */
  readonly expiresInMs: number;
}

export type LeaseDecision =
  /** Nobody's session is in the way: write the row with the next epoch. */
  | { readonly kind: 'take' }
  /** The holder's session is open but it has stopped renewing: end the session, then write the row. */
  | { readonly kind: 'force' }
  | { readonly kind: 'wait'; readonly ms: number };

export interface LeaseTimes {
  readonly pollMs: number;
  /** How long a session that holds the lock without a valid row is left alone. */
  readonly graceMs: number;
}

/**
 * Whether a standby takes over.
 *
 * The session lock is only a hint that works fast: a SIGKILLed holder's session ends at once, long before
 * its row expires. It is no fence: the lock is lost with a connection while its holder goes on working. The
 * fence is the epoch, which every takeover raises.
 *
 * The grace is for this sequence: the holder dies, its row expires, standby B gets the lock and is about to
 * write the row, standby C sees "locked, expired" and would end B's session, B comes back and ends C's …
 *
 * `lockedSinceMs` is for how long the same session was seen with the lock and without a valid row.
 */
export function decideLease(row: SeenLease | undefined, lockFree: boolean, lockedSinceMs: number, times: LeaseTimes): LeaseDecision {
  if (lockFree) return { kind: 'take' };
  if (row !== undefined && row.expiresInMs > 0) return { kind: 'wait', ms: Math.min(times.pollMs, row.expiresInMs) };
  if (lockedSinceMs >= times.graceMs) return { kind: 'force' };
  return { kind: 'wait', ms: Math.min(times.pollMs, times.graceMs - lockedSinceMs) };
}

import type { KeptCount, RejectedDetail, RejectedFilter, RejectedRecord } from '../model/rejected.ts';

/** farshore.rejected_records. */
export interface RejectedStore {
  /** In the order they were first kept, those with an id above `after`. */
  list(
    filter: RejectedFilter,
    page: { readonly after: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly RejectedRecord[]>;
  get(id: string, signal: AbortSignal): Promise<RejectedDetail | undefined>;
  /** Deletes them and records who asked and what was given up, in one transaction. */
  discard(filter: RejectedFilter, by: string, signal: AbortSignal): Promise<number>;
  /** Deletes at most `limit` of those last seen so many days ago or longer, by the database's clock; answers how many. */
  expire(days: number, limit: number, signal: AbortSignal): Promise<number>;
  /**
   * Of the records that were kept for an unknown schema, the first of each schema, in this order, those with an id above `after`. They come without
   * key, and with no more of value and headers than says their schema.
   */
  ofUnknownSchemas(page: { readonly after: string; readonly limit: number }, signal: AbortSignal): Promise<readonly RejectedDetail[]>;
  /** By table; a table of which none is kept is not among them. */
  counts(signal: AbortSignal): Promise<readonly KeptCount[]>;
  /** Records who asked for a retry, and what came of it. */
  recordRetry(filter: RejectedFilter, by: string, counts: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
}

/** What one more attempt came to. The record has left the ledger unless it was rejected again. */
export type RetryOutcome = 'applied' | 'superseded' | 'rejected';

/** Rejects with what is not the record's fault: a lost right, a table that does not fit, a database that does not answer. */
export type ApplyKept = (record: RejectedDetail, signal: AbortSignal) => Promise<RetryOutcome>;

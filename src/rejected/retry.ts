import { type FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { RejectedFilter, RetryCounts } from '../model/rejected.ts';
import type { ApplyKept, RejectedStore, RetryOutcome } from './contracts.ts';

const AT_ONCE = 200;

interface RetryParts {
  readonly store: RejectedStore;
  readonly applyKept: ApplyKept;
  /** Told of a record whose table or schema does not fit; the retry goes on. Left out: the first one ends it. */
  readonly passedOver?: ((error: FarshoreError) => void) | undefined;
}

/**
 * Tries kept records again, in the order they came, each in a transaction of its own: one that is still
 * refused holds no other back. A reason that is not a record's ends the retry; those before it are done.
 */
export async function retryRejected(
  filter: RejectedFilter,
  { store, applyKept, passedOver }: RetryParts,
  signal: AbortSignal,
): Promise<RetryCounts> {
  const counts: Record<RetryOutcome, number> = { applied: 0, superseded: 0, rejected: 0 };
  for (let after = '0'; ; ) {
    const page = await store.list(filter, { after, limit: AT_ONCE }, signal);
    for (const { id } of page) {
      after = id;
      const record = await store.get(id, signal);
      // Applied or discarded by somebody else meanwhile.
      if (record === undefined) continue;
      try {
        counts[await applyKept(record, signal)]++;
      } catch (error) {
        const known = findFarshoreError(error);
        const ends = signal.aborted || known === undefined || known.action === 'halt' || known.action === 'retry';
        if (ends || passedOver === undefined) throw error;
        passedOver(known);
      }
    }
    if (page.length < AT_ONCE) return counts;
  }
}

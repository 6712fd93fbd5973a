import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { RejectedDetail, RetryCounts } from '../model/rejected.ts';
import { type AskedSchema, dueSchemas } from './late-schemas.ts';

export interface LateSchemasParts {
  /** The first kept record of each unknown schema, in this order, those with an id above `after`. */
  readonly waiting: (page: { readonly after: string; readonly limit: number }, signal: AbortSignal) => Promise<readonly RejectedDetail[]>;
  /** The schema that a record names; undefined where it names none. */
  readonly refOf: (record: RejectedDetail) => string | undefined;
  /** False while the registry does not know it. Rejects with `retry` while it cannot be asked, with `stop` for a schema that cannot be used. */
  readonly isKnown: (ref: string, signal: AbortSignal) => Promise<boolean>;
  /** All records that were kept for an unknown schema, each behind its version guard; those whose table or schema does not fit are passed over. */
  readonly retry: (signal: AbortSignal) => Promise<RetryCounts>;
  /** Why nothing may be tried again now: where the home is elsewhere a record of the old home would go over what was written here since. */
  readonly resting: () => string | undefined;
  readonly clock: Clock;
}

const LOOK_MS = 5_000;
const A_LOOK = 200;
const ASKED_AT_ONCE = 20;

/** Records whose schema is registered after they came are applied without an operator. */
export async function retryLateSchemas(parts: LateSchemasParts, signal: AbortSignal): Promise<void> {
  const { waiting, refOf, isKnown, retry, resting, clock } = parts;
  const asked = new Map<string, AskedSchema>();
  // Ids that are none, of records that are no Avro, may be many: each look goes on where the last one ended, so that all come up.
  let after = '0';
  let met = new Set<string>();
  for (;;) {
    await clock.sleep(LOOK_MS, signal);
    if (resting() !== undefined) continue;
    try {
      const records = await waiting({ after, limit: A_LOOK }, signal);
      const refs = records.flatMap((record) => refOf(record) ?? []);
      for (const ref of refs) met.add(ref);
      if (records.length === A_LOOK) after = records.at(-1)!.id;
      else {
        // All have been looked at: what nothing waits for any more is forgotten, so that this stays as small as what waits.
        for (const ref of asked.keys()) if (!met.has(ref)) asked.delete(ref);
        after = '0';
        met = new Set();
      }
      let found = false;
      for (const ref of dueSchemas(refs, asked, clock.monotonicMs(), ASKED_AT_ONCE)) {
        const answer = await isKnown(ref, signal).catch((error: unknown) => whyNot(error, signal));
        // What is known already is tried; the others are asked for at the next look.
        if (answer === 'away') break;
        if (answer === true) found = true;
        // Also one that is known: what it does not mend is not tried again at once.
        asked.set(ref, { atMs: clock.monotonicMs(), times: (asked.get(ref)?.times ?? 0) + 1 });
      }
      if (found) await retry(signal);
    } catch (error) {
      const known = findFarshoreError(error);
      if (signal.aborted || known === undefined || known.action === 'halt') throw error;
      // Registry or database: others tell of it, the records stay, and the next look tries again.
    }
  }
}

/** One schema that cannot be used is no reason to ask for no other. Throws what is neither its fault nor the registry's. */
function whyNot(error: unknown, signal: AbortSignal): 'away' | 'unusable' {
  const known = findFarshoreError(error);
  if (signal.aborted || known === undefined || known.action === 'halt') throw error;
  return known.action === 'retry' ? 'away' : 'unusable';
}

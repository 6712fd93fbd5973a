import type { RowLook, Suspect } from './contracts.ts';

/**
 * One row seen in the bracket of CORRECTNESS C19: at the primary, in the region once that had passed the home's ends, at the primary again.
 *
 *     primary  ──●───────────────────────────●──      the same digest and the same xmin: nothing was written in between
 *     ends        allowance ─ E ─ passed(E)
 *     region                             ●             so what it has now is all there is to come for this row
 */
export interface Bracket {
  readonly before: RowLook;
  readonly region: RowLook;
  readonly after: RowLook;
}

export type Judgement =
  | { readonly kind: 'healed' }
  /** The primary wrote the row meanwhile: nothing follows from the difference. */
  | { readonly kind: 'moving' }
  | { readonly kind: 'confirmed'; readonly as: Suspect['kind']; readonly columns: readonly string[] };

export function judge({ before, region, after }: Bracket): Judgement {
  const moved = before.present !== after.present || before.digest !== after.digest || before.xmin !== after.xmin;
  // Equal to what the primary has now is equal, whatever it had before.
  if (region.present === after.present && region.digest === after.digest) return { kind: 'healed' };
  if (moved) return { kind: 'moving' };
  if (!region.present) return { kind: 'confirmed', as: 'missing', columns: [] };
  if (!after.present) return { kind: 'confirmed', as: 'extra', columns: [] };
  const columns = [...after.columnDigests].flatMap(([name, digest]) => (region.columnDigests.get(name) === digest ? [] : [name]));
  return { kind: 'confirmed', as: 'changed', columns };
}

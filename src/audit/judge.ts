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
  /** The region's row in the bracket before this one, where that found it and no row at the primary. */
  readonly extraBefore?: RowLook | undefined;
}

export type Judgement =
  | { readonly kind: 'healed' }
  /** The primary wrote the row meanwhile: nothing follows from the difference. */
  | { readonly kind: 'moving' }
  /** The primary has no such row, and had none: whether it had one in between, the next bracket tells. */
  | { readonly kind: 'extra_once' }
  | { readonly kind: 'confirmed'; readonly as: Suspect['kind']; readonly columns: readonly string[] };

/**
 * What is absent has no xmin, so that two looks at nothing may have a row between them:
 *
 *     primary  ──○──── insert ──── delete ──○──      both looks find nothing
 *     region                 ●                       and the delete is still on its way
 *
 * So a row that only the region has is confirmed by a second bracket: it is the same row still, which nobody wrote, and by then the region has passed a
 * moment after the first at which the primary had none.
 */
export function judge({ before, region, after, extraBefore }: Bracket): Judgement {
  const moved = before.present !== after.present || before.digest !== after.digest || before.xmin !== after.xmin;
  // Equal to what the primary has now is equal, whatever it had before.
  if (region.present === after.present && region.digest === after.digest) return { kind: 'healed' };
  if (moved) return { kind: 'moving' };
  if (!region.present) return { kind: 'confirmed', as: 'missing', columns: [] };
  if (!after.present) {
    const isSame = extraBefore !== undefined && extraBefore.xmin === region.xmin && extraBefore.digest === region.digest;
    return isSame ? { kind: 'confirmed', as: 'extra', columns: [] } : { kind: 'extra_once' };
  }
  const columns = [...after.columnDigests].flatMap(([name, digest]) => (region.columnDigests.get(name) === digest ? [] : [name]));
  return { kind: 'confirmed', as: 'changed', columns };
}

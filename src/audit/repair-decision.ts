/**
 * Whether a confirmed finding may still be repaired (CORRECTNESS C18). The looks are taken in this order, and the write is conditional
 * on the first of them, so that a repair can only lose to the stream:
 *
 *     1. the region: the row's version, and the version of its tombstone
 *     2. the primary: the row as it is now
 *     3. the write, where the version of row and tombstone are still those of 1
 *
 * A change that the primary makes after 2 reaches the region after 1. Before 3, it moves the version and the write finds nothing to do; after
 * 3, it beats what was written, whose version is not higher than that of 1. A change before 2 is seen there: digest or xmin differ from
 * those that were confirmed.
 */
export interface ConfirmedFinding {
  readonly kind: 'missing' | 'extra' | 'changed';
  /** Of the row at the primary when it was confirmed; undefined: there was none. */
  readonly primaryDigest: string | undefined;
  readonly primaryXmin: string | undefined;
  /** Hex of the row's version in the region then; undefined where there was no row or it had none. */
  readonly regionVersion: string | undefined;
}

/** A row as one side has it now. */
export interface RowNow {
  readonly present: boolean;
  readonly digest: string | undefined;
  /** At the primary. */
  readonly xmin: string | undefined;
  /** In the region, as hex. */
  readonly version: string | undefined;
}

export type RepairWrite = 'insert' | 'update' | 'delete';

export type RepairDecision =
  | { readonly do: 'write'; readonly write: RepairWrite }
  /** `healed`: both sides are equal now. `primary_changed`, `region_changed`: not the rows that were compared; the next pass looks again. */
  | { readonly do: 'leave'; readonly why: 'healed' | 'primary_changed' | 'region_changed' };

export function decideRepair(finding: ConfirmedFinding, region: RowNow, primary: RowNow): RepairDecision {
  const leave = (why: 'healed' | 'primary_changed' | 'region_changed'): RepairDecision => ({ do: 'leave', why });
  if (region.present === primary.present && (!region.present || region.digest === primary.digest)) return leave('healed');
  if (primary.present !== (finding.kind !== 'extra')) return leave('primary_changed');
  if (primary.present && (primary.digest !== finding.primaryDigest || primary.xmin !== finding.primaryXmin))
    return leave('primary_changed');
  if (region.present !== (finding.kind !== 'missing') || region.version !== finding.regionVersion) return leave('region_changed');
  const write = { missing: 'insert', changed: 'update', extra: 'delete' } as const;
  return { do: 'write', write: write[finding.kind] };
}

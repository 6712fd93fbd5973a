import type { AuditPassView, AuditTableView } from '../model/audit.ts';

/**
 * Rows that differed when they were compared and are neither confirmed nor healed. Parked ones too: their record may be discarded or expire, and
 * then nothing but the finding says that the row differs, until the next pass asks again.
 */
export const openRows = ({ suspects, unsettled, parked }: Pick<AuditTableView, 'suspects' | 'unsettled' | 'parked'>): number =>
  suspects + unsettled + parked;

/**
 * The part of the table that the pass has compared, 0 to 1; below 1 until it ends. Rows in ranges with more differences than are listed, and
 * `open` ones, which are not settled, were not compared: they take from it.
 */
export function coverageOf(pass: AuditPassView | null | undefined, open: number): number {
  if (pass == null) return 0;
  const { rowsCompared, rowsExpected, rowsUnlisted, endedAt } = pass;
  if (endedAt === null) {
    const compared = Math.max(0, rowsCompared - open - rowsUnlisted);
    return Math.min(0.999, compared / Math.max(1, rowsExpected, rowsCompared + 1));
  }
  const rows = Math.max(1, rowsCompared);
  return (rows - Math.min(rows, open + rowsUnlisted)) / rows;
}

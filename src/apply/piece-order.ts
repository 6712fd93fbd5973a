import type { RowSet } from './folded.ts';
import type { Piece } from './pieces.ts';
import type { FoldedStatements } from './statements.ts';

/**
 * Whether rows of this piece must be written before those of later rounds of their table. A refused piece is undone and tried in smaller ones when
 * all others were written, its good rows with it:
 *
 *     row of k: source 10, o=4 · batch: delete of k o=5, beside a delete that is refused · state of k o=6, source 1
 *     tried late: o=6 is stale against o=4 · then o=5 takes the row · nothing is left of o=6
 *
 * Where the log alone orders whole rows, and a delete takes them away, any order ends the same.
 */
export function mustComeFirst({ fold, rows }: Pick<Piece, 'fold' | 'rows'>, folds: readonly FoldedStatements[]): boolean {
  const { folded } = folds[fold]!;
  const { table } = folded;
  const ofTable = ({ folded: other }: FoldedStatements): boolean => other.table.name === table.name;
  const later = folds.slice(fold + 1).filter(ofTable);
  const isFree =
    !table.hasSource && table.softDelete === undefined && folds.every((one) => !ofTable(one) || one.folded.mapping?.units === undefined);
  if (isFree) return false;
  // What a delete takes, marks or leaves parts of must be there: a tombstone that has a source version too does not keep every earlier state away.
  if (rows !== folded.deletes) return rows === folded.before || later.some((one) => one.folded.deletes !== undefined);
  return folded.after !== undefined || later.length > 0;
}

/** A refused row, by the piece that holds it alone. */
type RefusedRow = Pick<Piece, 'fold' | 'rows' | 'from'>;

/** Whether a good row of a piece that was refused at first was written too late. */
export const isLate = (first: readonly Piece[], refused: readonly RefusedRow[], folds: readonly FoldedStatements[]): boolean =>
  first.some((piece) => {
    if (!mustComeFirst(piece, folds)) return false;
    const left = refused.filter(({ rows, from }) => rows === piece.rows && from >= piece.from && from < piece.to).length;
    return left < piece.to - piece.from;
  });

/** Whether a record of several rows was written in part: it is one record or none, also where a retry never comes. */
export function isHalf(refused: readonly RefusedRow[], folds: readonly FoldedStatements[]): boolean {
  const left = new Map<bigint, number>();
  for (const { rows, from } of refused) for (const offset of offsetsOf(rows, from)) left.set(offset, (left.get(offset) ?? 0) + 1);
  const tables = new Set(refused.map(({ fold }) => folds[fold]!.folded.table.name));
  for (const { folded } of folds) {
    const isMerging = folded.mapping?.units !== undefined && [...tables].some((name) => name !== folded.table.name);
    for (const rows of roundsOf(folded))
      for (let row = 0; row < rows.versions.count; row++) {
        // Parts of a row, of which one may be of a refused record: nothing says which.
        if (isMerging && rows.merged(row)) return true;
        for (const offset of offsetsOf(rows, row)) {
          const count = left.get(offset);
          if (count !== undefined) left.set(offset, count - 1);
        }
      }
  }
  return [...left.values()].some((count) => count < 0);
}

/** Of the records that are kept where the row is refused. */
const offsetsOf = ({ offsetOf, alike }: RowSet, row: number): readonly bigint[] => [offsetOf(row), ...(alike?.(row) ?? [])];

const roundsOf = ({ before, deletes, after }: FoldedStatements['folded']): readonly RowSet[] =>
  [before, deletes, after].filter((rows) => rows !== undefined);

import type { Statement } from './contracts.ts';
import type { RowSet } from './folded.ts';
import type { FoldedStatements } from './statements.ts';
import type { TableStatements } from './table-statements.ts';

/** Rows of one round of a fold, with what writes them. */
export interface Piece {
  readonly fold: number;
  readonly rows: RowSet;
  readonly from: number;
  readonly to: number;
  /** A call of farshore.try_calls. */
  readonly call: string;
}

/**
 * Rows tried together: first, in what was refused of these, and so on to each alone. A call costs about 0.1 ms beside its rows. With 0.4 % of
 * the rows refused 5,000 take some 380 calls so, 790 in pieces of 8 and then alone; with 1 %, 760 and 1,010.
 */
export const PIECE_ROWS: readonly number[] = [64, 8, 1];

/** The rounds of all folds in log order, cut into pieces. */
export function piecesOf(folds: readonly FoldedStatements[], size: number): readonly Piece[] {
  return folds.flatMap(({ folded }, fold) =>
    [folded.before, folded.deletes, folded.after].flatMap((rows) => {
      if (rows === undefined) return [];
      return partsOf({ fold, rows, from: 0, to: rows.versions.count }, folds, size);
    }),
  );
}

/** A refused piece in smaller ones. */
export const partsOf = (
  { fold, rows, from, to }: Omit<Piece, 'call'>,
  folds: readonly FoldedStatements[],
  size: number,
): readonly Piece[] => {
  const { folded, statements } = folds[fold]!;
  const write = rows === folded.deletes ? deleting(statements) : writing(statements);
  const parts: Piece[] = [];
  for (let at = from; at < to; at += size) parts.push(pieceOf(fold, rows, at, Math.min(to, at + size), write));
  return parts;
};

const writing =
  ({ upsert }: TableStatements): Write =>
  (slice) =>
    upsert?.(slice) ?? [];
const deleting =
  ({ deleteRows, tombstones }: TableStatements): Write =>
  (slice) => [...deleteRows(slice), tombstones(slice)];

type Write = (slice: RowSet<string>) => readonly Statement[];

const pieceOf = (fold: number, rows: RowSet, from: number, to: number, write: Write): Piece => ({
  ...{ fold, rows, from, to },
  call: write(sliceOf(rows, from, to))
    .map(callText)
    .join(';\n'),
});

const sliceOf = ({ columns, versions, units, moments, offsetOf, merged, alike }: RowSet, from: number, to: number): RowSet<string> => ({
  columns: columns.map((column) => column.slice(from, to)),
  versions: versions.slice(from, to),
  units: units && { lowest: units.lowest.slice(from, to), given: units.given.slice(from, to) },
  moments: moments?.slice(from, to),
  offsetOf,
  merged,
  ...(alike === undefined ? {} : { alike }),
});

/** Values are array literals and names: nothing but text. */
const callText = ({ name, values }: Statement): string =>
  `execute ${name}(${values.map((value) => `'${String(value).replaceAll("'", "''")}'`).join(', ')})`;

/** Runs each statement once over no rows, which prepares it in the session. */
export function preparing(folds: readonly FoldedStatements[]): readonly Statement[] {
  const found = new Map<string, Statement>();
  for (const { folded, statements } of folds) {
    const none = (rows: RowSet) => sliceOf(rows, 0, 0);
    const all = [
      ...[folded.before, folded.after].flatMap((rows) => (rows === undefined ? [] : (statements.upsert?.(none(rows)) ?? []))),
      ...(folded.deletes === undefined
        ? []
        : [...statements.deleteRows(none(folded.deletes)), statements.tombstones(none(folded.deletes))]),
    ];
    for (const statement of all) if (statement.name !== undefined) found.set(statement.name, statement);
  }
  return [...found.values()];
}

export const tryStatement = (pieces: readonly Piece[]): Statement => ({
  name: 'farshore_try_calls',
  text: 'select * from farshore.try_calls($1::text[])',
  values: [pieces.map(({ call }) => call)],
});

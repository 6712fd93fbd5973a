import { describe, expect, it } from 'vitest';
import type { Folded, RowSet } from '../../../src/apply/folded.ts';
import { isHalf, isLate, mustComeFirst } from '../../../src/apply/piece-order.ts';
import type { Piece } from '../../../src/apply/pieces.ts';
import type { FoldedStatements } from '../../../src/apply/statements.ts';

/** Rows of these records; of a delete with others that say the same. */
const rowsOf = (offsets: readonly bigint[], alike?: Readonly<Record<number, readonly bigint[]>>): RowSet =>
  ({
    columns: [],
    versions: { count: offsets.length },
    offsetOf: (row: number) => offsets[row]!,
    merged: () => false,
    ...(alike === undefined ? {} : { alike: (row: number) => alike[row] ?? [] }),
  }) as unknown as RowSet;

interface Parts {
  readonly name?: string;
  readonly hasSource?: boolean;
  readonly softDelete?: boolean;
  readonly units?: boolean;
  readonly before?: RowSet;
  readonly deletes?: RowSet;
  readonly after?: RowSet;
}

const fold = ({ name = 'a', hasSource = false, softDelete = false, units = false, ...rounds }: Parts): FoldedStatements => {
  const table = { name, hasSource, softDelete: softDelete ? {} : undefined };
  const folded = { table, mapping: { ...table, units: units ? {} : undefined }, before: undefined, deletes: undefined, after: undefined };
  return { folded: { ...folded, ...rounds } as unknown as Folded, statements: {} as FoldedStatements['statements'] };
};

describe('rows that must be written before what follows them', () => {
  const [before, deletes, after] = [rowsOf([1n]), rowsOf([2n]), rowsOf([3n])];
  const kinds = [{ hasSource: true }, { softDelete: true }, { units: true }];
  const first = (rows: RowSet, ...folds: readonly FoldedStatements[]) => mustComeFirst({ fold: 0, rows }, folds);

  it('are none where the log alone orders whole rows', () => {
    const one = fold({ before, deletes, after });
    expect([before, deletes, after].map((rows) => first(rows, one))).toEqual([false, false, false]);
  });

  it('C4: are states before a delete: a tombstone with a source of its own does not keep each of them away, and the row was there again', () => {
    for (const kind of kinds) {
      expect(first(before, fold({ ...kind, before, deletes, after }))).toBe(true);
      expect(first(after, fold({ ...kind, deletes, after }), fold({ ...kind, deletes }))).toBe(true);
      expect(first(after, fold({ ...kind, deletes, after }), fold({ ...kind, after }))).toBe(false);
      expect(first(after, fold({ ...kind, after }), fold({ ...kind, name: 'b', deletes }))).toBe(false);
    }
  });

  it('C4: are deletes before a state', () => {
    for (const kind of kinds) {
      expect(first(deletes, fold({ ...kind, before, deletes, after }))).toBe(true);
      expect(first(deletes, fold({ ...kind, before, deletes }), fold({ ...kind, after }))).toBe(true);
      expect(first(deletes, fold({ ...kind, before, deletes }))).toBe(false);
    }
  });

  it('are late where a piece that was refused had a good one', () => {
    const rows = rowsOf([1n, 2n, 3n]);
    const folds = [fold({ hasSource: true, deletes: rows, after })];
    const piece = (from: number, to: number): Piece => ({ fold: 0, rows, from, to, call: '' });
    expect(isLate([piece(0, 2)], [piece(0, 1)], folds)).toBe(true);
    expect(isLate([piece(0, 2)], [piece(0, 1), piece(1, 2)], folds)).toBe(false);
    expect(isLate([piece(2, 3)], [piece(0, 1), piece(2, 3)], folds)).toBe(false);
  });
});

describe('a record of several rows', () => {
  const refused = (rows: RowSet, ...from: readonly number[]) => from.map((row) => ({ fold: 0, rows, from: row }));

  it('is half where one of them was refused, and another written', () => {
    const [rows, others] = [rowsOf([5n, 6n]), rowsOf([5n, 7n])];
    expect(isHalf(refused(rows, 0), [fold({ after: rows }), fold({ name: 'b', after: others })])).toBe(true);
    expect(isHalf(refused(rows, 1), [fold({ after: rows }), fold({ name: 'b', after: others })])).toBe(false);
    const same = rowsOf([5n, 5n]);
    expect(isHalf(refused(same, 0), [fold({ after: same })])).toBe(true);
    expect(isHalf(refused(same, 0, 1), [fold({ after: same })])).toBe(false);
  });

  it('is half also where it was refused with a delete that says the same', () => {
    const rows = rowsOf([8n, 5n], { 0: [5n] });
    expect(isHalf(refused(rows, 0), [fold({ deletes: rows })])).toBe(true);
    expect(isHalf(refused(rows, 0, 1), [fold({ deletes: rows })])).toBe(false);
  });
});

import type { DecodedRecord } from './contracts.ts';
import type { ArrayElement, ArrayText } from './dependencies.ts';
import type { TableKey, TableMapping } from './mapping.ts';

/** Rows column by column, with their versions as hex. */
export interface RowSet<Column = ArrayText> {
  readonly columns: readonly Column[];
  readonly versions: Column;
  /** Where records set parts of rows: the lowest version among them, and which part has which, as JSON; null where it is one for all. */
  readonly units?: { readonly lowest: Column; readonly given: Column } | undefined;
  /** Of deletes that a column remembers: when each was said. */
  readonly moments?: Column | undefined;
  /** Of the record that a row is of: the last of those that were folded into it. */
  readonly offsetOf: (row: number) => bigint;
  /** Whether other records were folded into the row, or away for it: without it they would count. */
  readonly merged: (row: number) => boolean;
  /** Of a delete: earlier ones of the same key, which are refused for what that is wherever it is. */
  readonly alike?: (row: number) => readonly bigint[];
}

/** What is left of a run of records: at most one state a key on each side of its last delete. */
export interface Folded {
  readonly table: TableKey;
  /** Undefined when the run holds deletes only. */
  readonly mapping: TableMapping | undefined;
  /** States that a delete in the same run removes again. Columns as in the mapping. */
  readonly before: RowSet | undefined;
  /** Columns are those of the key. */
  readonly deletes: RowSet | undefined;
  readonly after: RowSet | undefined;
  readonly records: number;
  readonly folded: number;
  readonly ties: number;
  /** Records that set a field the entry does not allow, by field. */
  readonly notAllowed: ReadonlyMap<string, number>;
}

/**
 * Takes the records of a run one by one; one that is refused leaves it as it was.
 *
 * A key has one slot for deletes, and two kinds of them: one takes what came before it in the log, the other what has a lower version, and
 * neither can stand for both. So a fold takes one kind a key, and gives the key up (false) at the other; a delete below a state that stands is
 * given up too, since it is remembered although it takes nothing. A key that was given up stays so: all that comes for it later belongs
 * to the next fold. What rows become does not depend on how a log is cut into folds then.
 */
export interface RowFold {
  readonly mapping: TableMapping | undefined;
  /** A state; `record` is the whole record where the row is a part of it. */
  add(row: DecodedRecord, offset: bigint, record?: DecodedRecord): boolean;
  /** A delete that only the log orders. */
  delete(key: readonly Exclude<ArrayElement, null>[], offset: bigint, timestampMs: number): boolean;
  /** A delete that its version orders, if it has one. */
  deleteAt(row: DecodedRecord, record: DecodedRecord, offset: bigint, timestampMs: number): boolean;
  finish(): Folded;
}

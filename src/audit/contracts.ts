import type { FarshoreError } from '../model/errors.ts';
import type { TableName } from '../model/sql-name.ts';
import type { CanonicalClass } from './canonical.ts';
import type { KeyClass } from './key.ts';

export type Side = 'primary' | 'region';

/** A type as the catalog has it, domains resolved to what they are made of. */
export interface ColumnType {
  /** As SQL writes it, without length or scale: `bigint`, `bpchar`, `"Mood"`. */
  readonly sql: string;
  /** The catalog's name: `int8`; of an array that of its element. */
  readonly name: string;
  /** Whether the type comes with PostgreSQL. */
  readonly builtIn: boolean;
  readonly kind: 'base' | 'enum' | 'composite' | 'range' | 'other';
  readonly isArray: boolean;
  /** Of an enum, in its order. */
  readonly labels: readonly string[];
}

export interface SideColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Whether the role may read it. */
  readonly readable: boolean;
  /** Provider and locale that order the column's texts; undefined for types without. Byte order is always `C`. */
  readonly order: string | undefined;
  /** Two texts that differ may be equal under its collation. */
  readonly looseEquality: boolean;
}

/** A table as one side has it. */
export interface SideTable extends TableName {
  readonly kind: 'table' | 'partitioned' | 'view' | 'foreign' | 'other';
  /** `UTF8`. */
  readonly encoding: string;
  readonly columns: readonly SideColumn[];
  /** Columns of the unique indexes without conditions and expressions, in the order of the columns' own collations; the primary key first. */
  readonly uniqueKeys: readonly (readonly string[])[];
  /** Of those unique indexes that have texts in the order of bytes. */
  readonly byteKeys: readonly (readonly string[])[];
  /** With its partitions, without indexes. */
  readonly bytes: number;
  readonly primaryKey: readonly string[];
  /** Row security applies to this role: rows may be hidden. */
  readonly rowSecurity: boolean;
}

/** A column of the comparison, named as in the region. */
export interface ComparedColumn {
  readonly name: string;
  /** How values of both sides are written so that equal ones are the same text. */
  readonly as: CanonicalClass;
  readonly primary: { readonly name: string; readonly type: ColumnType };
  readonly region: { readonly name: string; readonly type: ColumnType };
}

export interface ComparedKeyColumn extends ComparedColumn {
  readonly keyAs: KeyClass;
}

/** What is compared: built from both sides' descriptions, see compared-table.ts. */
export interface ComparedTable {
  readonly primary: { readonly table: TableName; readonly where: string | undefined };
  readonly region: { readonly table: TableName; readonly where: string | undefined };
  /** In key order; never empty. */
  readonly key: readonly ComparedKeyColumn[];
  /** All columns, those of the key too. */
  readonly columns: readonly ComparedColumn[];
  /** The regional table has farshore_version. */
  readonly versioned: boolean;
}

/** Why a table cannot be compared, each with code, reason and next step. */
export interface Refused {
  readonly kind: 'refused';
  readonly reasons: readonly FarshoreError[];
}

export type CompareOutcome = { readonly kind: 'compared'; readonly table: ComparedTable } | Refused;

/** Canonical text of the key columns, in key order. The same on both sides for the same row. */
export type Key = readonly string[];

/** Rows after one key up to and with another; undefined: from the first, to the last. */
export interface KeyRange {
  readonly after: Key | undefined;
  readonly upTo: Key | undefined;
}

/** Count and digest of the rows of a range, whatever their order. */
export interface RangeDigest {
  readonly rows: number;
  readonly digest: string;
  /** More rows than the limit: `rows` is the limit and one more, and the digest says nothing. */
  readonly overLimit: boolean;
}

export interface RowDigest {
  readonly key: Key;
  readonly digest: string;
}

/** One row as one side has it now. */
export interface RowLook {
  readonly present: boolean;
  readonly digest: string | undefined;
  /** Region column → digest of its value. Empty for a row that is not there. */
  readonly columnDigests: ReadonlyMap<string, string>;
  /** Id of the transaction that wrote the row there. */
  readonly xmin: string | undefined;
  /** Hex of farshore_version; the regional side only. */
  readonly version: string | undefined;
}

export interface Suspect {
  readonly key: Key;
  /** `missing`: the primary has the row, the region not; `extra`: the other way round. */
  readonly kind: 'missing' | 'extra' | 'changed';
  /** Names in the region; of `changed` only. Empty there: the row was the same again when its columns were read. */
  readonly columns: readonly string[];
}

/** A range with more differences than are listed. What was not looked at row by row may hold more, or fewer. */
export interface UnlistedRange extends KeyRange {
  readonly primaryRows: number;
  readonly regionRows: number;
  /** The counts stopped at a limit: there may be more rows. */
  readonly atLeast: boolean;
}

export interface ServerPosition {
  readonly standby: boolean;
  /** Written to the log; on a standby: replayed from it. As PostgreSQL writes it, such as `0/3000060`. */
  readonly lsn: string;
  /** The server's clock. */
  readonly nowMs: number;
  /** Of a standby that streams: up to where the primary's log reached when it last said so, and when that arrived. Undefined: unknown. */
  readonly told?: { readonly lsn: string; readonly atMs: number } | undefined;
}

/** What a side answers, and how many bytes its rows had. */
export interface Answered<T> {
  readonly value: T;
  readonly bytes: number;
}

/** One database. It knows which side of a ComparedTable it is. All rejections are FarshoreErrors. */
export interface AuditSide {
  readonly side: Side;
  /** Undefined: no such table. */
  describe(table: TableName, signal: AbortSignal): Promise<SideTable | undefined>;
  /** Runs the condition of the table, if any, without reading rows; rejects with `table_unmappable` when it cannot be run. */
  checkCondition(table: TableName, where: string | undefined, signal: AbortSignal): Promise<void>;
  /** Each `rowsPerRange`-th key of the range in key order, at most `limit`: the ends of ranges. */
  boundaries(
    table: ComparedTable,
    range: KeyRange,
    asked: { readonly rowsPerRange: number; readonly limit: number },
    signal: AbortSignal,
  ): Promise<Answered<readonly Key[]>>;
  /** Of each range, in this order, in one snapshot where the side is read-only. */
  rangeDigests(
    table: ComparedTable,
    ranges: readonly KeyRange[],
    rowLimit: number,
    signal: AbortSignal,
  ): Promise<Answered<readonly RangeDigest[]>>;
  /** At most `limit` rows, in key order. */
  rowDigests(table: ComparedTable, range: KeyRange, limit: number, signal: AbortSignal): Promise<Answered<readonly RowDigest[]>>;
  /** Of each key, in this order. */
  look(table: ComparedTable, keys: readonly Key[], signal: AbortSignal): Promise<Answered<readonly RowLook[]>>;
  position(signal: AbortSignal): Promise<ServerPosition>;
}

export interface Sides {
  readonly primary: AuditSide;
  readonly region: AuditSide;
}

export interface PassStep {
  /** Given back to passSteps, the pass goes on after this step; also after a restart. */
  readonly cursor: string;
  /** The step was the last: the table was compared to its end. */
  readonly done: boolean;
  /** Rows whose digests were taken, of the side that has more of them. */
  readonly rowsCompared: number;
  readonly bytesReceived: number;
  readonly suspects: readonly Suspect[];
  readonly unlisted: readonly UnlistedRange[];
}

/** `passSteps` of pass.ts: one range a step, from the cursor on; without one from the first row. */
export type PassSteps = (
  table: ComparedTable,
  sides: Sides,
  asked: { readonly rowsPerRange: number; readonly cursor: string | undefined },
  signal: AbortSignal,
) => AsyncGenerator<PassStep, void, void>;

import type { BackfillPosition, BackfillView } from '../model/backfill.ts';
import type { FarshoreError } from '../model/errors.ts';

/** One that has not ended. */
export interface OpenBackfill {
  readonly id: string;
  readonly table: string;
  readonly where: string | undefined;
  readonly state: 'running' | 'paused' | 'settling' | 'failed';
  readonly cursor: string | undefined;
}

/** Rows of the primary, in key order, as one transaction writes them. */
export interface Chunk {
  readonly rows: number;
  readonly bytes: number;
  /** Where the next one begins. */
  readonly cursor: string;
  /** There was no further row. */
  readonly done: boolean;
  /** By column, as text of the server; null is NULL. */
  readonly columns: readonly (readonly (string | null)[])[];
  /** Hex of each row's version. */
  readonly versions: readonly string[];
}

/** A table whose rows may be read and written: both sides were looked at. All rejections are FarshoreErrors. */
export interface PreparedTable {
  read(cursor: string | undefined, limit: number, signal: AbortSignal): Promise<Chunk>;
  /** Rows and cursor in one transaction behind the lease's fence; answers how many rows were written. */
  write(backfill: OpenBackfill, chunk: Chunk, signal: AbortSignal): Promise<number>;
}

/** A table of the configuration. */
export interface BackfilledTable {
  readonly name: string;
  /** Rejects with every reason against it in one error, and when a side cannot be asked. */
  prepare(where: string | undefined, signal: AbortSignal): Promise<PreparedTable>;
  rowsExpected(signal: AbortSignal): Promise<number>;
  /** Where its topics stand; rejects when the primary does not tell. */
  positions(signal: AbortSignal): Promise<readonly BackfillPosition[]>;
  /** Whether the region has passed the ends at home as they are after this was asked (C5). */
  passed(signal: AbortSignal): Promise<'passed' | 'not_yet'>;
}

export interface NewBackfill {
  readonly table: string;
  readonly by: string;
  readonly where: string | undefined;
  readonly rowsExpected: number;
  readonly positions: readonly BackfillPosition[];
}

export type Change = 'pause' | 'resume' | 'stop' | 'settled';

/** farshore.backfills; every write is behind the lease's fence. */
export interface BackfillStore {
  /** Undefined: the table has an open one. */
  start(asked: NewBackfill, signal: AbortSignal): Promise<string | undefined>;
  open(signal: AbortSignal): Promise<readonly OpenBackfill[]>;
  /** Of the table's open one; false where there is none in a state that this changes. */
  change(table: string, change: Change, signal: AbortSignal): Promise<boolean>;
  fail(id: string, error: FarshoreError, signal: AbortSignal): Promise<void>;
  /** Open ones, and the last of each table. */
  views(signal: AbortSignal): Promise<readonly Omit<BackfillView, 'waits' | 'rowsPerSecond'>[]>;
}

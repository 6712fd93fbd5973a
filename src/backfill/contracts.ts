import type { BackfillPosition, BackfillSource, BackfillView } from '../model/backfill.ts';
import type { FarshoreError } from '../model/errors.ts';

/** One that has not ended. */
export interface OpenBackfill {
  readonly id: string;
  readonly table: string;
  readonly source: BackfillSource;
  readonly state: 'running' | 'paused' | 'settling' | 'failed';
  readonly cursor: string | undefined;
  /** What it was prepared with when it began. */
  readonly remembered: string | undefined;
}

/** What one transaction writes; the rest of it is known to who read it. */
export interface Chunk {
  /** Rows, or records, that were read for it. */
  readonly rows: number;
  readonly bytes: number;
  /** Where the next one begins. */
  readonly cursor: string;
  /** There was nothing further. */
  readonly done: boolean;
}

/** A source and a table that were looked at: rows may be read from the one and written to the other. All rejections are FarshoreErrors. */
export interface PreparedTable {
  /** Kept with the backfill and given back to `prepare`: after a restart it may not be learned again. */
  readonly remembered?: string | undefined;
  read(backfill: Pick<OpenBackfill, 'id' | 'cursor'>, limit: number, signal: AbortSignal): Promise<Chunk>;
  /** A chunk that it has read: rows and cursor in one transaction behind the fences of lease and home. */
  write(backfill: OpenBackfill, chunk: Chunk, signal: AbortSignal): Promise<Written>;
}

/** How many rows; or none, since the home has moved after what it was prepared with: the next chunk is prepared and read anew. */
export type Written = number | 'home_moved';

/** A table of the configuration. */
export interface BackfilledTable {
  readonly name: string;
  /** Rejects with every reason against it in one error, and when a side cannot be asked. */
  prepare(source: BackfillSource, remembered: string | undefined, signal: AbortSignal): Promise<PreparedTable>;
  rowsExpected(source: BackfillSource, signal: AbortSignal): Promise<number>;
  /** Where its topics stand; rejects when the primary does not tell, and has to. */
  positions(source: BackfillSource, signal: AbortSignal): Promise<readonly BackfillPosition[]>;
  /**
   * Whether the stream has passed what the logs held when this was asked: the ends at home for rows of the primary (C5), and those in the region for
   * records, which need no primary.
   */
  passed(source: BackfillSource, signal: AbortSignal): Promise<'passed' | 'not_yet'>;
}

export interface NewBackfill {
  readonly table: string;
  readonly by: string;
  readonly source: BackfillSource;
  readonly remembered?: string | undefined;
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

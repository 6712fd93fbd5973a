import type { VisitRecords } from '../model/batch.ts';
import type { Clock } from '../model/clock.ts';
import type { FarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { RegionalOffset } from '../model/offsets.ts';
import type { TableName } from '../model/sql-name.ts';
import type {
  ApplyDatabase,
  ApplyPositions,
  DecodedValue,
  RecordDecoders,
  RegionalSource,
  StatementResult,
  TextSink,
  TopicOrders,
} from './contracts.ts';
import type { RejectBudget } from './flood.ts';
import type { Folded } from './folded.ts';
import type { ParkedStore } from './parked-records.ts';
import type { ParkLimits } from './parking.ts';
import type { Slots } from './slots.ts';
import type { TableEntry } from './table-entry.ts';

/** A table as the database describes it now. Types are written as format_type writes them: `numeric(12,2)`, `text[]`. */
export interface TableDescription extends TableName {
  readonly kind: 'table' | 'partitioned' | 'view' | 'foreign' | 'other';
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    /** Of a domain: the type that it stands for, with its length. */
    readonly base?: string | undefined;
    /** Of an array whose items are of a domain: the array of what that stands for. */
    readonly itemBase?: string | undefined;
    readonly nullable: boolean;
    readonly hasDefault: boolean;
    /** As SQL; null or undefined where there is none. */
    readonly default?: string | null | undefined;
    readonly generated: 'no' | 'stored' | 'virtual';
    readonly identity: 'no' | 'always' | 'by default';
  }[];
  readonly primaryKey: readonly string[];
  readonly uniqueIndexes: readonly { readonly name: string; readonly columns: readonly string[]; readonly usableAsKey: boolean }[];
  readonly rowSecurity: boolean;
  readonly rights: readonly ('select' | 'insert' | 'update' | 'delete')[];
}

export interface ApplyTables {
  /** A table that does not exist is left out. */
  describe(tables: readonly TableName[], signal: AbortSignal): Promise<readonly TableDescription[]>;
  /** The statements that make a table, in one transaction, once: of several callers at a time one runs them, and the others find it made. */
  create(table: TableName, statements: readonly string[], signal: AbortSignal): Promise<void>;
  /** DDL in one transaction. */
  execute(statements: readonly string[], signal: AbortSignal): Promise<void>;
}

export interface ApplyStop {
  readonly stage: 'apply';
  readonly topic: string;
  readonly partition: number;
  readonly state: 'paused' | 'stopped';
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly since: string;
}

export interface ApplyAction {
  readonly action: 'pause' | 'resume';
  readonly stage: 'apply';
  readonly topic: string;
  readonly partition: number;
  readonly by: string;
  readonly code: string | undefined;
  readonly lostFrom: RegionalOffset | undefined;
  readonly lostTo: RegionalOffset | undefined;
  readonly options: Readonly<Record<string, string | boolean>>;
}

/** Pauses and stops of this stage, and what operators did about them. */
export interface ApplyStops {
  load(stage: 'apply', signal: AbortSignal): Promise<readonly Omit<ApplyStop, 'stage'>[]>;
  put(stop: ApplyStop, signal: AbortSignal): Promise<void>;
  clear(stage: 'apply', topic: string, partition: number, signal: AbortSignal): Promise<void>;
  record(action: ApplyAction, signal: AbortSignal): Promise<void>;
}

/** Sets a position where an operator wants it and records who asked, in one transaction behind the fence. */
export type MovePosition = (
  move: {
    readonly topic: string;
    readonly partition: number;
    readonly topicId: string;
    readonly expected: RegionalOffset;
    readonly expectedTopicId: string;
    readonly next: RegionalOffset;
    readonly epoch: bigint;
    readonly action: ApplyAction;
  },
  signal: AbortSignal,
) => Promise<void>;

/** Bytes all stages may hold in buffers. One taker may overdraw it by one batch, so that a batch above what is free still moves. */
export interface ByteBudget {
  readonly limit: number;
  readonly free: number;
  take(bytes: number): void;
  give(bytes: number): void;
  /** Resolves when bytes were given back, or rejects with the signal's reason. */
  freed(signal: AbortSignal): Promise<void>;
}

/** A value of an array parameter. */
export type ArrayElement = string | number | bigint | boolean | null;
/**
 * The elements of one array parameter in PostgreSQL's text form, written as they come: what a batch holds of a column. Bound to a statement as it is.
 */
export interface ArrayText extends TextSink {
  readonly count: number;
  /** Of all elements, with what is between them. */
  readonly byteLength: number;
  /** Drops all elements from `count` on. */
  truncate(count: number): void;
  /** Whether two elements have the same text. */
  same(a: number, b: number): boolean;
  /** Of two elements of ASCII text as pushed: below 0 where the first is lower; 1 plus the place of the first difference where it is higher, 1 plus the length where they are alike. */
  order(a: number, b: number): number;
  /** An element of ASCII text as it was pushed. */
  text(row: number): string;
  /** Some of the elements, in that order, as another array. */
  pick(rows: readonly number[]): ArrayText;
  /** The elements from `from` to before `to` as an array of their own, in PostgreSQL's text form. */
  slice(from: number, to: number): string;
}
/** `expected`: what it will probably hold, for which memory is taken at once. */
export type MakeArrayText = (expected?: { readonly bytes: number; readonly count: number }) => ArrayText;
/** A PostgreSQL array in text form: `{"a",NULL,1}`. */
export type ArrayLiteral = (elements: readonly ArrayElement[]) => string;
/** Exact JSON: longs keep every digit, bytes are text. */
export type ExactJson = (value: DecodedValue) => string;

/** Moments where tests inject faults. */
export type ApplyStep = 'before_begin' | 'committed';

/** All that apply needs from outside, wired in one place. */
export interface ApplyDependencies {
  /** Turns at the database that several stages share; left out: `connections` of its own. */
  readonly slots?: Slots | undefined;
  readonly source: RegionalSource;
  /** Which of the regional topics are compacted: there a batch's checksum proves nothing (C6). */
  readonly compactedTopics: (topics: readonly string[], signal: AbortSignal) => Promise<ReadonlySet<string>>;
  readonly orders: TopicOrders;
  readonly positions: ApplyPositions;
  readonly movePosition: MovePosition;
  readonly database: ApplyDatabase;
  readonly decoders: RecordDecoders;
  readonly tables: ApplyTables;
  readonly stops: ApplyStops;
  readonly parked: ParkedStore;
  readonly visitRecords: VisitRecords;
  readonly arrayText: MakeArrayText;
  readonly arrayLiteral: ArrayLiteral;
  readonly exactJson: ExactJson;
  /** What a row of farshore.try_calls says: the error that the driver would have thrown. */
  readonly refusalOf: (row: StatementResult['rows'][number]) => FarshoreError;
  readonly budget: ByteBudget;
  readonly observe: Observe;
  readonly clock: Clock;
  /** Jitter of the back-off, 0 ≤ x < 1. */
  readonly random: () => number;
  /** Every record of the heartbeat topic, after its position was committed. */
  readonly onHeartbeat?: ((key: Buffer | null, value: Buffer | null) => void) | undefined;
  /** What a transaction that is in has written, none of it refused. */
  readonly onWritten?: ((folds: readonly Folded[]) => void) | undefined;
  /** Fault injection of tests; awaited. */
  readonly onStep?: ((step: ApplyStep) => void | Promise<void>) | undefined;
}

export interface ApplySettings {
  /** Name of the region's own cluster: records written there are moved over, never applied (C3). */
  readonly region: string;
  /** Lease epoch: fences the daemon before. */
  readonly epoch: bigint;
  /** Which partitions this stage applies, where several share the topics; left out: all. */
  readonly owns?: ((topic: string, partition: number) => boolean) | undefined;
  readonly entries: readonly TableEntry[];
  readonly schema: 'validate' | 'create' | 'evolve';
  /** Regional name of the heartbeat topic, undefined when heartbeats are off. */
  readonly heartbeatTopic: string | undefined;
  readonly rejectBudget: RejectBudget;
  readonly parkLimits: ParkLimits;
  /** Transactions at a time. */
  readonly connections: number;
  readonly maxBatchRecords: number;
  readonly maxBatchBytes: number;
  readonly maxPartitionFetchBytes: number;
  readonly maxFetchBytes: number;
  readonly fetchMaxWaitMs: number;
  /** How often topics, partitions and their ledger entries are looked at without a notice. */
  readonly refreshMs: number;
}

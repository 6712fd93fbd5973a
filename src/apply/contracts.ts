import type { FetchedPartition, FetchTarget } from '../model/fetch.ts';
import type { Generation } from '../model/generation.ts';
import type { RegionalOffset } from '../model/offsets.ts';
import type { ApplyPosition } from '../model/position.ts';

/** The regional log, read only. Same answers as at home: batches are committed data (abort filter has run). */
export interface RegionalSource {
  describe(
    topics: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly { readonly topic: string; readonly topicId: string; readonly partitions: number }[]>;
  fetch(
    targets: readonly FetchTarget[],
    limits: { readonly maxWaitMs: number; readonly maxBytes: number },
    signal: AbortSignal,
  ): Promise<readonly FetchedPartition[]>;
  batchAt(
    target: FetchTarget,
    signal: AbortSignal,
  ): Promise<{ readonly baseOffset: bigint; readonly lastOffset: bigint; readonly leaderEpoch: number; readonly crc: number } | undefined>;
  ends(
    partitions: readonly { readonly topic: string; readonly partition: number }[],
    signal: AbortSignal,
  ): Promise<readonly { readonly topic: string; readonly partition: number; readonly start: bigint; readonly end: bigint }[]>;
}

/** What apply must know of a topic before it may apply a record of it. */
export interface TopicOrder {
  readonly topic: string;
  readonly home: string;
  readonly regionalTopicId: string;
  readonly generations: readonly Generation[];
  /** Home epochs with their first regional offset a partition (C3); the first epoch starts at 0. */
  readonly homeEpochs: readonly { readonly epoch: number; readonly home: string; readonly starts: ReadonlyMap<number, bigint> }[];
  /** Epochs of this region in which its applications have written, or are about to. */
  readonly written: ReadonlySet<number>;
  /** Why nothing is decided of the topic now, though the ledger knows it. */
  readonly undecided?: string | undefined;
}

export interface TopicOrders {
  load(topics: readonly string[], signal: AbortSignal): Promise<readonly TopicOrder[]>;
}

/** An Avro field as a table sees it. */
export interface FieldShape {
  readonly name: string;
  /** Primitive Avro type under a nullable union, or `record`, `array`, `map`, `enum`, `fixed`, `union` (several branches). */
  readonly avro: string;
  readonly logical: string | undefined;
  readonly precision: number | undefined;
  readonly scale: number | undefined;
  readonly nullable: boolean;
  readonly doc: string | undefined;
  /** Of a record, or of the records in an array, as deep as the schema goes without repeating itself. */
  readonly fields?: readonly FieldShape[] | undefined;
  /** Of an array: what each of its items is, without a name. */
  readonly items?: FieldShape | undefined;
  /** A branch of its union is the empty record `Absent`: such a value decodes to undefined, and means unchanged. */
  readonly mayBeAbsent?: boolean | undefined;
}

/**
 * Decoded values are in the form PostgreSQL reads: null, boolean, number (int, float, double, and a long that a
 * number holds exactly), bigint (any other long), string (string, enum, and every logical type in PostgreSQL's text form), Buffer (bytes,
 * fixed); records, arrays, maps and unions of several branches are plain JSON values with exact longs.
 */
export type DecodedValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | readonly DecodedValue[]
  | { readonly [field: string]: DecodedValue };
export type DecodedRecord = { readonly [field: string]: DecodedValue };

/** Names the schema of a record: the id in front of its bytes, or the GUID in its headers. */
export type SchemaRef = string;

/** Takes a column's elements as they are decoded. */
export interface TextSink {
  push(element: string | number | bigint | boolean | null): void;
  /** Pushes text from its bytes if they are ASCII; otherwise pushes nothing and answers false. */
  pushAscii(bytes: Buffer, start: number, end: number): boolean;
}

/** As what a field is read: its decoded value, its text, or both; of both the value of a timestamp is its microseconds since 1970 in UTC, cut. */
export type FieldWay = 'value' | 'text' | 'both';

/** Decodes bodies field by field. */
export interface FieldReader {
  /**
   * Writes field i into `sinks[i]` where it was asked for as text, into `values[i]` where as a value, or into both. Throws `record_malformed`; what was
   * written by then stays.
   */
  read(bytes: Buffer, start: number, end: number, sinks: readonly (TextSink | undefined)[], values: DecodedValue[]): void;
}

export interface RecordDecoder {
  /** The schema that it reads. */
  readonly ref?: SchemaRef | undefined;
  /** Full name of the record; undefined where the schema is none. */
  readonly recordName?: string | undefined;
  readonly fields: readonly FieldShape[];
  /** A reader for fields in these ways; those with a text must be scalars. Absent where the schema is no record. */
  readonly fieldReader?: (ways: readonly FieldWay[]) => FieldReader;
  /** Decodes one body. Throws FarshoreError `record_malformed` for truncated, trailing or out-of-range bytes. */
  decode(bytes: Buffer, start: number, end: number): DecodedRecord;
}

export interface RecordDecoders {
  /**
   * The schema reference of a value or key and where its body starts: `{ ref, bodyStart }` is written
   * into `out` to spare an object a record. Throws `record_malformed` for an unknown magic byte.
   */
  readRef(
    bytes: Buffer,
    start: number,
    end: number,
    headers: { readonly start: number; readonly end: number; readonly count: number },
    side: 'key' | 'value',
    out: { ref: SchemaRef; bodyStart: number },
  ): void;
  /** The decoder of a schema that was loaded, or undefined: then `load` it and start the batch again. */
  get(ref: SchemaRef): RecordDecoder | undefined;
  /** Loads a schema: memory, then the regional database, then the registry. Throws `schema_unknown`, `registry_unreachable`, `schema_conflict`. */
  load(ref: SchemaRef, signal: AbortSignal): Promise<RecordDecoder>;
}

export interface Statement {
  /** Set for statements that repeat: prepared once a connection. */
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
  /** Of a `COPY … FROM STDIN`: what it reads. */
  readonly copy?: CopyRows | undefined;
}

/** Rows column by column, each column as it would be bound as an array; the last one as hex digits of bytes. */
export interface CopyRows {
  readonly columns: readonly unknown[];
  readonly hex: unknown;
}

export interface StatementResult {
  readonly rowCount: number;
  readonly rows: readonly Record<string, unknown>[];
}

/** Connections for apply; one transaction a call. */
export interface ApplyDatabase {
  /**
   * Runs the statements in one transaction, pipelined, in order, and commits. Rejects with the driver's
   * SQLSTATE mapped to a FarshoreError; on a lost connection the outcome is unknown and the caller
   * re-reads the position before anything else.
   */
  transaction(statements: readonly Statement[], signal: AbortSignal): Promise<readonly StatementResult[]>;
  /**
   * One transaction in several round trips: each step is asked, with the answers of the one before, what to run next. What a step
   * throws rolls it back and is thrown. Errors as of `transaction`.
   */
  conversation(
    steps: readonly ((answers: readonly StatementResult[]) => readonly Statement[])[],
    signal: AbortSignal,
  ): Promise<readonly StatementResult[]>;
  query(statement: Statement, signal: AbortSignal): Promise<StatementResult>;
}

/** Positions and their fence. */
export interface ApplyPositions {
  /** Takes the partitions for the lease epoch (fences older epochs) and answers where they stand; absent ones start at `initial`. */
  take(
    partitions: readonly { readonly topic: string; readonly partition: number; readonly topicId: string }[],
    epoch: bigint,
    signal: AbortSignal,
  ): Promise<readonly ApplyPosition[]>;
  read(topic: string, partition: number, signal: AbortSignal): Promise<ApplyPosition | undefined>;
  /** Where the topics' partitions stand, whoever holds them. */
  ofTopics(
    topics: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly { readonly topic: string; readonly partition: number; readonly next: RegionalOffset }[]>;
}

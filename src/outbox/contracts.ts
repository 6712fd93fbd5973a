/** A row of `farshore.outbox` as it is sent. */
export interface OutboxRow {
  readonly id: bigint;
  readonly topic: string;
  readonly partition: number | undefined;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** As it was written: only values that are texts can be sent. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** How often it was refused. */
  readonly attempts: number;
}

/** Rows that go out in one Kafka transaction, in the order in which they are sent. */
export interface OutboxBatch {
  /** Never used twice, also not by a database that was set back to a backup. */
  readonly name: string;
  readonly rows: readonly OutboxRow[];
}

/** The outbox table. Every change is refused for a daemon whose lease is over. */
export interface OutboxStore {
  /**
   * The batch that was named and not settled, else a new one of at most `limit` rows; undefined when nothing is due. Rows are due while this
   * region is the home of their topic (C24), decided in the statement that names them. A batch keeps
   * its name and its rows until it is settled, and there is one at a time.
   */
  claim(limit: number, signal: AbortSignal): Promise<OutboxBatch | undefined>;
  /** Marks the rows of a batch published. */
  published(batch: string, signal: AbortSignal): Promise<void>;
  /** Gives up a batch that is proven not to be in Kafka: `row`, where one was refused, holds its topic for `holdMs`; the others are free. */
  release(
    batch: string,
    refused: { readonly id: bigint; readonly holdMs: number; readonly error: string } | undefined,
    signal: AbortSignal,
  ): Promise<void>;
  /** Deletes rows published longer than `keepMs` ago, at most `limit`; answers how many. */
  prune(keepMs: number, limit: number, signal: AbortSignal): Promise<number>;
  backlog(signal: AbortSignal): Promise<OutboxBacklog>;
}

export interface OutboxBacklog {
  /** Of them, rows of topics whose home is elsewhere, or that nobody knows the home of (C24): they are not sent. */
  readonly held: number;
  /** Committed rows that are not known to be in Kafka. Rows of transactions still open are not among them (C25: read it after the freeze). */
  readonly unpublished: number;
  readonly oldestSeconds: number | undefined;
}

/** Tells the relay that rows may be due: for speed alone, its timer finds them too. */
export interface OutboxWakeups {
  /** Whether it would hear of an insert now. */
  readonly listening: boolean;
  /** Calls `ring` after inserts, until the signal; then it rejects, and for nothing else. */
  listen(ring: () => void, signal: AbortSignal): Promise<void>;
}

/** The regional Kafka behind the relay's transactional id. */
export interface OutboxLog {
  /** Ends what an earlier relay left open and answers the name of the last batch that is committed. Call it first and after any failed `publish`. */
  open(signal: AbortSignal): Promise<string | undefined>;
  /** All rows and the name of the batch in one transaction. `batch_refused` and `topic_missing` are about a row; all else about the cluster. */
  publish(batch: OutboxBatch, signal: AbortSignal): Promise<void>;
}

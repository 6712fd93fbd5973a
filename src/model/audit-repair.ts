/** One write of a repair, as its trail tells it: digests only, never values. */
export interface RepairTrailView {
  readonly at: string;
  readonly by: string;
  readonly finding: string;
  readonly table: string;
  readonly key: readonly string[];
  readonly kind: 'missing' | 'extra' | 'changed';
  readonly columns: readonly string[];
  readonly write: 'insert' | 'update' | 'delete';
  /** Digest of the row in the region; null where there was none. */
  readonly before: string | null;
  readonly intended: string | null;
  readonly after: string | null;
  /** Null: the daemon was stopped before it looked again. */
  readonly result: 'repaired' | 'lost' | 'not_taken' | null;
}

/** What became, or would become, of one finding. */
export interface RepairOutcomeView {
  readonly finding: string;
  readonly table: string;
  readonly key: readonly string[];
  readonly kind: 'missing' | 'extra' | 'changed';
  readonly columns: readonly string[];
  /** `would_repair`: a dry run would have written. `lost`: the stream came between look and write. `not_taken`: written, and the row still differs: a trigger, or another writer. */
  readonly result: 'repaired' | 'would_repair' | 'healed' | 'primary_changed' | 'region_changed' | 'lost' | 'not_taken' | 'refused';
  /** What was or would be written. */
  readonly write: 'insert' | 'update' | 'delete' | null;
  /** Of a refusal: the error's code and message. */
  readonly reason: string | null;
}

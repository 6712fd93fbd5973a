export const backfillStates = ['running', 'paused', 'settling', 'done', 'stopped', 'failed'] as const;
/** `settling`: every row was written, and the stream has not yet passed the ends at home. `failed` stands until it is resumed or stopped. */
export type BackfillState = (typeof backfillStates)[number];

export interface BackfillView {
  readonly id: string;
  /** `schema.table` in the region. */
  readonly table: string;
  readonly by: string;
  /** Condition on the primary's rows, beside that of the table entry. */
  readonly where: string | null;
  readonly state: BackfillState;
  /** Why no row is being read now, though it is neither paused nor ended. */
  readonly waits: string | null;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null } | null;
  readonly rowsRead: number;
  /** Less than was read where the region had the row's state, or a newer one. */
  readonly rowsWritten: number;
  /** By the statistics of the primary's planner: an estimate, and of the whole table. */
  readonly rowsExpected: number;
  /** Over the last chunks; null while none was written. */
  readonly rowsPerSecond: number | null;
  /** Where the logs stood when it began, by regional topic. */
  readonly positions: readonly BackfillPosition[];
  readonly startedAt: string;
  readonly endedAt: string | null;
}

export interface BackfillPosition {
  readonly topic: string;
  readonly partition: number;
  /** End of the log at home. */
  readonly homeEnd: string;
  /** Next regional offset that was to be applied; null: none had been. */
  readonly applied: string | null;
}

export interface BackfillStatus {
  /** False where the primary's database is not configured. */
  readonly enabled: boolean;
  readonly backfills: readonly BackfillView[];
}

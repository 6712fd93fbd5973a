export const backfillStates = ['running', 'paused', 'settling', 'done', 'stopped', 'failed'] as const;
/** `settling`: every row was written, and the stream has not yet passed the ends of the logs. `failed` stands until it is resumed or stopped. */
export type BackfillState = (typeof backfillStates)[number];

export const backfillSources = ['database', 'topic', 'file'] as const;

/** Where rows come from: the primary's table, the topics' records in the region from their beginning, or a file of records at the daemon. */
export type BackfillSource =
  | { readonly from: 'database'; readonly where: string | undefined }
  | { readonly from: 'topic' }
  | { readonly from: 'file'; readonly file: string };

export interface BackfillView {
  readonly id: string;
  /** `schema.table` in the region. */
  readonly table: string;
  readonly by: string;
  readonly from: BackfillSource['from'];
  /** Name of the file, where it is one. */
  readonly file: string | null;
  /** Condition on the primary's rows, beside that of the table entry. */
  readonly where: string | null;
  readonly state: BackfillState;
  /** Why no row is being read now, though it is neither paused nor ended. */
  readonly waits: string | null;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null } | null;
  /** Records of topics and files count twice: they are looked through for deletes first. */
  readonly rowsRead: number;
  /** Less than was read where the region had the row's state, or a newer one. */
  readonly rowsWritten: number;
  /** Of the primary's table by the statistics of its planner: an estimate, and of the whole table. Of topics, the offsets there are. */
  readonly rowsExpected: number;
  /** Over the last chunks; null while none was written. */
  readonly rowsPerSecond: number | null;
  /** Where the logs stood when it began, by regional topic. */
  readonly positions: readonly BackfillPosition[];
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** Not ended; a failed one neither. */
export const isOpenBackfill = ({ state }: Pick<BackfillView, 'state'>): boolean => state !== 'done' && state !== 'stopped';

/** Of what is expected, never whole before the end; undefined where there is nothing to measure by: no statistics, or a condition. */
export function backfillShare({ state, rowsRead, rowsExpected, where }: BackfillView): number | undefined {
  if (state === 'settling' || state === 'done') return 1;
  return rowsExpected > 0 && where === null ? Math.min(0.99, rowsRead / Math.max(rowsExpected, rowsRead)) : undefined;
}

export interface BackfillPosition {
  readonly topic: string;
  readonly partition: number;
  /** End of the log at home; null where home was not asked: rows did not come from there. */
  readonly homeEnd: string | null;
  /** Next regional offset that was to be applied; null: none had been. */
  readonly applied: string | null;
}

export interface BackfillStatus {
  /** False where no table is applied. */
  readonly enabled: boolean;
  readonly backfills: readonly BackfillView[];
}

/** Views of the audit as the API and `farshore audit` show them: plain JSON, times ISO 8601 in UTC, digests and never values. */
export const findingStates = ['suspect', 'confirmed', 'unsettled', 'parked', 'healed', 'repaired'] as const;
export type FindingState = (typeof findingStates)[number];
export type FindingKind = 'missing' | 'extra' | 'changed';
export type FindingTriage = 'new' | 'ignored' | 'resolved';

/** Why a pass stands before its end. */
export type PassStopped = 'max_seconds' | 'max_rows' | 'max_bytes' | 'unreachable' | 'shutdown' | 'refused';

export interface AuditFinding {
  readonly id: string;
  readonly table: string;
  /** Text of the key's columns. */
  readonly key: readonly string[];
  readonly kind: FindingKind;
  readonly columns: readonly string[];
  readonly state: FindingState;
  readonly triage: FindingTriage;
  /** Known where it is: written behind the daemon, or a delete that was never seen (C7). */
  readonly cause: 'rogue_write' | 'lost_delete' | null;
  /** Of an unsettled one. */
  readonly why: string | null;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

export interface AuditPassView {
  readonly by: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly stopped: PassStopped | null;
  readonly rowsCompared: number;
  readonly rowsExpected: number;
  /** In ranges with more differences than are listed: they were not looked at row by row, and more or fewer may differ. */
  readonly rowsUnlisted: number;
  /** Received from both sides. */
  readonly bytes: number;
  readonly workingSeconds: number;
}

export interface AuditTableView {
  readonly table: string;
  /** Reasons why it cannot be compared; empty: it can be, or was not looked at yet. */
  readonly refused: readonly { readonly code: string; readonly message: string; readonly hint: string | null }[];
  /** The last one that reached the end of the table. */
  readonly lastPass: AuditPassView | null;
  /** One that has not. */
  readonly openPass: AuditPassView | null;
  /** Since the last pass that reached the end of the table began: no row's comparison is older. null: never. */
  readonly passAgeSeconds: number | null;
  /** 0 to 1: how much of the table the open pass, or else the last one, has compared; what is not settled, parked, or not listed was not. */
  readonly coverage: number;
  readonly divergent: Readonly<Record<FindingKind, number>>;
  readonly suspects: number;
  readonly unsettled: number;
  readonly parked: number;
  readonly ignored: number;
  /** A compacted topic stood unread for longer than its tombstones are kept (C7). */
  readonly needsFullAudit: boolean;
}

/** Rows in ranges with more differences than are listed: by the last pass, until the open one has met more. */
export const unlistedRows = ({ lastPass, openPass }: Pick<AuditTableView, 'lastPass' | 'openPass'>): number =>
  Math.max(lastPass?.rowsUnlisted ?? 0, openPass?.rowsUnlisted ?? 0);

export interface AuditStatus {
  readonly enabled: boolean;
  /** False: the database could not be asked, and the numbers of the tables say nothing. */
  readonly known: boolean;
  /** What it does now, in words. */
  readonly activity: string;
  readonly tables: readonly AuditTableView[];
}

export interface FindingFilter {
  readonly ids: readonly string[] | undefined;
  readonly table: string | undefined;
  readonly state: FindingState | undefined;
  readonly triage: FindingTriage | undefined;
}

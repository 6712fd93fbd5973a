/** A privilege on a table, or on one of its columns, that a role has by a grant to itself. */
export interface Grant {
  readonly role: string;
  readonly schema: string;
  readonly table: string;
  /** Null: on the whole table. */
  readonly column: string | null;
  readonly privilege: 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE';
  readonly grantable: boolean;
}

/** What the writers of the primary may do before they are frozen: recorded first, so that exactly that can be given back. */
export interface WriterRights {
  /** Roles that may log in. */
  readonly logins: readonly string[];
  readonly grants: readonly Grant[];
}

/** Why something does not hold yet; none: it holds. */
export type Obstacles = readonly string[];

/** The writers of the primary's database. Each call may be repeated. */
export interface PrimaryWriters {
  /** Rejects with `request_invalid` where freezing could not be proven: a role that does not exist, or another one that may write too. */
  rights(signal: AbortSignal): Promise<WriterRights>;
  /** Takes logins and grants, and ends the sessions. */
  freeze(rights: WriterRights, signal: AbortSignal): Promise<void>;
  /** Sessions, prepared transactions and locks that are left, roles that may still write, probes that were not refused. */
  notFrozen(signal: AbortSignal): Promise<Obstacles>;
  /** Resolves once it was read that they have them again. */
  giveBack(rights: WriterRights, signal: AbortSignal): Promise<void>;
}

/** The writers of the region: closed by the row itself, which this proves. */
export interface RegionWriters {
  notClosed(epoch: bigint, signal: AbortSignal): Promise<Obstacles>;
}

export interface PartitionEnd {
  /** Its name in the region. */
  readonly topic: string;
  /** Of the log that was asked: a topic that is created again under its name has another. */
  readonly topicId: string;
  readonly partition: number;
  /** Last stable offset. */
  readonly end: bigint;
  readonly highWatermark: bigint;
}

/** Logs of the topics whose home moves; heartbeats are not among them. Rejects where a partition does not answer. */
export interface MovingLogs {
  /** In the primary's cluster. */
  home(signal: AbortSignal): Promise<readonly PartitionEnd[]>;
  /** In the primary's cluster, of whatever partitions there are: of one that was given up, they need not be those of the region. */
  homeAsItIs(signal: AbortSignal): Promise<readonly PartitionEnd[]>;
  /** In the region's cluster. `isLost`: the primary is given up, so that a growth which was under way there is never recorded. */
  region(signal: AbortSignal, isLost?: boolean): Promise<readonly PartitionEnd[]>;
}

/** By topic and partition of the region; offsets as text. */
export type Offsets = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Where an epoch begins in the logs of its home, and by topic of the region which logs those were. */
export interface EpochBegin {
  readonly offsets: Offsets;
  /** Nothing of a move that an older version began. */
  readonly topicIds: Readonly<Record<string, string>>;
}

/** Where apply stands, as the region's database holds it. */
export interface AppliedHere {
  /** All others are only mirrored. */
  readonly topics: ReadonlySet<string>;
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    /** Undefined where nothing is committed of it. */
    readonly next: bigint | undefined;
    readonly stands: { readonly state: 'stopped' | 'paused'; readonly message: string } | undefined;
  }[];
}

/** The copies in both directions. */
export interface Copies {
  /** Whether apply has passed every end that the primary had when it was asked (C5). */
  passed(signal: AbortSignal): Promise<'passed' | 'not_yet'>;
  /** What of these ends of the primary the mirror has not committed. */
  notMirrored(ends: Offsets): Obstacles;
  /** What of these ends of the region the mirror of the former primary has not committed there. */
  notCarriedBack(ends: Offsets, signal: AbortSignal): Promise<Obstacles>;
  /**
   * What of these ends of the primary's cluster its own database has not applied, with what was parked, rejected or stopped there since the region
   * became home: a row that is only in the primary's Kafka would come after its writers are let in, and take their writes back.
   */
  notAppliedBack(ends: readonly PartitionEnd[], homeEpoch: bigint, signal: AbortSignal): Promise<Obstacles>;
  /** How far apply is in the region; asked after a restart too, while the primary does not answer. */
  appliedHere(signal: AbortSignal): Promise<AppliedHere>;
  /** Tries every parked record once more; answers how many are applied now, and how many still wait. */
  tryParked(signal: AbortSignal): Promise<{ readonly applied: number; readonly parked: number }>;
  /** Parked records, and partitions that do not run. */
  waiting(signal: AbortSignal): Promise<Obstacles>;
  /** Ends the mirror's loop, and then fences its transactional ids in the region (C10: only with the lease). */
  fenceForward(signal: AbortSignal): Promise<void>;
  /** Fences the transactional id of the mirror of the former primary. */
  fenceBack(signal: AbortSignal): Promise<void>;
  /** The forward mirror, which does not run, is to go on at these ends of the primary; `regionalIds`: of the logs in the region it goes on in. */
  startForwardAt(at: { readonly offsets: Offsets; readonly regionalIds: EpochBegin['topicIds'] }, signal: AbortSignal): Promise<void>;
}

/** The primary's database, into which another daemon applies what comes back. */
export interface AppliedBack {
  /** `wanted` by names of the primary; why it does not hold all of that. */
  notApplied(
    wanted: readonly { readonly topic: string; readonly partition: number; readonly end: bigint }[],
    homeEpoch: bigint,
    signal: AbortSignal,
  ): Promise<Obstacles>;
}

export interface FirstHop {
  /** Rows that the primary committed and did not publish yet; null: nothing counts them. */
  unpublishedAtPrimary(signal: AbortSignal): Promise<bigint | null>;
  /** The same of the region's outbox. */
  unpublishedOutbox(signal: AbortSignal): Promise<bigint | null>;
}

export interface DigestOutcome {
  readonly tables: readonly { readonly table: string; readonly keys: number; readonly different: number }[];
  /** Tables that cannot be compared, each with its reason. */
  readonly refused: readonly string[];
}

export interface Digest {
  /** Of the rows that were written last on either side, or of all. */
  compare(all: boolean, signal: AbortSignal): Promise<DigestOutcome>;
}

export interface HomePublishing {
  /** In the cluster of the primary; answers what it was not published for: the daemon may not write there. */
  atPrimary(home: string, epoch: number, from: EpochBegin, signal: AbortSignal): Promise<'published' | 'not_allowed'>;
  inRegion(home: string, epoch: number, from: EpochBegin, signal: AbortSignal): Promise<void>;
}

export interface StepParts {
  /** Undefined where nothing is configured to freeze. */
  readonly primaryWriters: PrimaryWriters | undefined;
  readonly regionWriters: RegionWriters;
  readonly firstHop: FirstHop;
  readonly logs: MovingLogs;
  readonly copies: Copies;
  readonly digest: Digest | undefined;
  readonly homes: HomePublishing;
}

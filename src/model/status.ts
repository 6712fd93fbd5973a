import type { ErrorCode } from './errors.ts';
import type { Component } from './events.ts';
import type { KeptCount } from './rejected.ts';

/** The snapshot behind /api/status, `farshore status` and the pages: plain JSON, offsets as decimal text. */
export interface DaemonStatus {
  readonly region: string;
  readonly primary: string;
  readonly version: string;
  readonly role: 'starting' | 'standby' | 'active' | 'stopping';
  readonly startedAt: string;
  readonly leaseEpoch: string | null;
  readonly components: readonly { readonly component: Component; readonly up: boolean; readonly reason: string | null }[];
  readonly partitions: readonly PartitionStatus[];
  readonly tables: readonly {
    readonly table: string;
    readonly topic: string;
    readonly state: 'applying' | 'stopped';
    readonly reason: string | null;
    /** Present when deletes may have been missed (C7). */
    readonly needsFullAudit?: true;
  }[];
  /** Kept now, by table; null while not known, and of a daemon that stands by. */
  readonly rejected: readonly KeptCount[] | null;
  readonly heartbeat: { readonly latencySeconds: number | null; readonly ageSeconds: number | null };
  readonly counters: { readonly mirroredRecords: string; readonly appliedRecords: string };
  /** Present where several daemons share the region. */
  readonly shards?: {
    readonly count: number;
    /** Worked on by this daemon. */
    readonly held: readonly number[];
    /** Who works on which; told by the active daemon, null elsewhere. */
    readonly holders: readonly { readonly shard: number; readonly holder: string }[] | null;
  };
}

/** What is kept of the mapping between home and regional offsets; offsets as decimal text. */
export interface OffsetsView {
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly homeTopicId: string;
    readonly regionalTopicId: string;
    readonly points: number;
    readonly first: OffsetPair | null;
    readonly last: OffsetPair | null;
  }[];
  /** Null when no offset was asked for. */
  readonly translation: OffsetTranslation | null;
}

export interface OffsetPair {
  readonly home: string;
  readonly regional: string;
}

/** A consumer that has read everything below the asked offset goes on at `at` in the other log and misses nothing. */
export interface OffsetTranslation {
  readonly from: 'home' | 'regional';
  readonly asked: string;
  /** Null when the asked offset is older than everything kept. */
  readonly at: OffsetPair | null;
  /** The point after it: what lies before that may be read again. Null at the newest. */
  readonly next: OffsetPair | null;
}

export type PartitionState = 'running' | 'waiting' | 'paused' | 'stopped';

export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  readonly mirror: StageStatus | null;
  readonly apply: StageStatus | null;
  readonly lag: { readonly mirror: LagValue; readonly apply: LagValue | null; readonly total: LagValue | null };
  /** Offsets between the start of the log at home and the mirror's position; absent while that is not known. At 0 the next deletion by retention loses records. */
  readonly headroom?: string;
}

export interface StageStatus {
  readonly state: PartitionState;
  /** Next offset, in the cluster the stage reads from; null before it is known. */
  readonly next: string | null;
  readonly end: string | null;
  readonly code: ErrorCode | null;
  readonly message: string | null;
  /** The command that resumes it. */
  readonly hint: string | null;
  /** Offsets that are gone, or that going on gives up, in the cluster the stage reads from unless the code says otherwise; `to` is past the last. */
  readonly lost?: LostRange;
  readonly since: string | null;
}

export interface LostRange {
  readonly from: string;
  readonly to: string;
}

/** What somebody, or a policy of the configuration, did about a partition. Offsets are of the log the stage reads. */
export interface RecordedAction {
  readonly at: string;
  readonly by: string;
  readonly action: string;
  readonly stage: string;
  readonly topic: string;
  /** -1: of rows of the outbox, which are of none. */
  readonly partition: number;
  /** What it had stopped with. */
  readonly code: string | null;
  /** Offsets that were given up; `to` is past the last. */
  readonly lost: LostRange | null;
  readonly options: Readonly<Record<string, string | boolean>>;
}

/** Unknown is not zero: both are null until measured, and `known` is false after three missed reads (C21). */
export interface LagValue {
  readonly known: boolean;
  readonly seconds: number | null;
  readonly records: string | null;
}

import type { ErrorCode } from './errors.ts';
import type { Component } from './events.ts';

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
  }[];
  readonly heartbeat: { readonly latencySeconds: number | null; readonly ageSeconds: number | null };
  readonly counters: { readonly mirroredRecords: string; readonly appliedRecords: string };
}

export type PartitionState = 'running' | 'waiting' | 'paused' | 'stopped';

export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  readonly mirror: StageStatus | null;
  readonly apply: StageStatus | null;
  readonly lag: { readonly mirror: LagValue; readonly apply: LagValue | null; readonly total: LagValue | null };
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
  readonly since: string | null;
}

/** Unknown is not zero: both are null until measured, and `known` is false after three missed reads (C21). */
export interface LagValue {
  readonly known: boolean;
  readonly seconds: number | null;
  readonly records: string | null;
}

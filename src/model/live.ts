import type { ActiveView, CutoverState, Home } from './cutover.ts';
import type { DaemonStatus, PartitionState } from './status.ts';

/** What the dashboard is told by GET /api/live: plain JSON, and nothing that is data of a row or record. */

export const eventLevels = ['info', 'warn', 'error'] as const;
export type EventLevel = (typeof eventLevels)[number];

/** Something that happened, in one line; never with a key or a value of a row. */
export interface ToldEvent {
  /** Rises by one; the same event that comes again soon keeps its number. */
  readonly id: number;
  readonly level: EventLevel;
  readonly type: string;
  readonly message: string;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly times: number;
}

/** What happened lately, and what happens from now on. */
export interface EventFeedView {
  /** The oldest first. */
  recent(): readonly ToldEvent[];
  /** Answers how to stop listening. */
  subscribe(listener: (event: ToldEvent) => void): () => void;
}

/** One point of the charts. null: not known then, never 0. */
export interface LiveSample {
  readonly atMs: number;
  readonly mirroredPerSecond: number | null;
  readonly appliedPerSecond: number | null;
  /** Of the partition that is furthest behind. */
  readonly lagSeconds: Readonly<Record<LagStage, number | null>>;
}

export const lagStages = ['mirror', 'apply', 'total'] as const;
export type LagStage = (typeof lagStages)[number];

export const verdictStates = ['broken', 'unknown', 'attention', 'fine'] as const;
export type VerdictState = (typeof verdictStates)[number];

export interface VerdictReason {
  readonly state: Exclude<VerdictState, 'fine'>;
  readonly what: string;
  /** The page of the dashboard that shows more. */
  readonly view: string;
  /** Page and heading in docs/runbooks. */
  readonly runbook: `${string}.md#${string}` | null;
}

/** The worst of its reasons; `fine` has none. */
export interface Verdict {
  readonly state: VerdictState;
  readonly reasons: readonly VerdictReason[];
  /** What is not measured here, so that `fine` does not speak of it. */
  readonly unmeasured: readonly string[];
}

/** One hop of the path, over all its partitions. */
export interface LagSummary {
  readonly partitions: number;
  /** Partitions whose lag is not known now. */
  readonly unknown: number;
  /** Of those that are known; null: of none. */
  readonly worstSeconds: number | null;
  readonly records: string | null;
}

/** Rows of the region's outbox that are not in its Kafka yet. */
export interface OutboxView {
  readonly unpublished: number;
  readonly held: number;
  readonly oldestSeconds: number | null;
}

/** What the verdict asks of the cutover. */
export interface CutoverNow {
  readonly state: CutoverState;
  readonly home: Home;
  readonly open: Home | 'nobody';
  /** For which it has been in this state. */
  readonly sinceSeconds: number;
  /** Of the newest change of state; null: none failed. */
  readonly failedHooks: { readonly hooks: readonly string[]; readonly ageSeconds: number } | null;
}

export interface LiveStatus
  extends Pick<
    DaemonStatus,
    'region' | 'primary' | 'version' | 'role' | 'startedAt' | 'leaseEpoch' | 'components' | 'heartbeat' | 'counters' | 'rejected'
  > {
  readonly at: string;
  readonly verdict: Verdict;
  readonly sample: LiveSample;
  readonly lag: Readonly<Record<LagStage, LagSummary>>;
  readonly states: Readonly<Record<'mirror' | 'apply', Readonly<Record<PartitionState, number>>>>;
  readonly tables: { readonly applying: number; readonly stopped: number };
  /** Confirmed and not ignored or resolved; null: nothing is compared, or it is not known. */
  readonly divergentRows: number | null;
  readonly audit: { readonly enabled: boolean; readonly tables: number; readonly compared: number; readonly activity: string };
  readonly shadow: {
    readonly comparing: boolean;
    readonly samples: number;
    readonly ratio: number | null;
    readonly lowerBound: number | null;
    readonly mismatches: number;
  };
  readonly backfills: { readonly open: number; readonly failed: number };
  /** null: not relayed here, or not counted yet. */
  readonly outbox: OutboxView | null;
  /** null: not read yet. */
  readonly cutover: ActiveView | null;
}

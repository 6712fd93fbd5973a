import type { AuditFinding, AuditStatus, FindingFilter } from '../model/audit.ts';
import type { RepairOutcomeView, RepairTrailView } from '../model/audit-repair.ts';
import type { BackfillSource, BackfillStatus } from '../model/backfill.ts';
import type { Clock } from '../model/clock.ts';
import type { EventFeedView, OutboxView } from '../model/live.ts';
import type { RejectedDetail, RejectedFilter, RejectedRecord, RetryCounts } from '../model/rejected.ts';
import type { SchemaView } from '../model/schema-view.ts';
import type { ShadowDiff, ShadowDiffFilter, ShadowView } from '../model/shadow-view.ts';
import type { DaemonStatus, OffsetsView, RecordedAction } from '../model/status.ts';
import type { CutoverSource } from './cutover-contracts.ts';
import type { OutboxSource } from './outbox-routes.ts';

export interface Probe {
  readonly ok: boolean;
  readonly checks: readonly ProbeCheck[];
}

export interface ProbeCheck {
  readonly name: string;
  readonly ok: boolean;
  /** Why it failed, or what it stands at: one line. */
  readonly detail?: string | undefined;
}

export interface PauseRequest {
  /** The regional topic. */
  readonly topic: string;
  /** Undefined: every partition of the topic. */
  readonly partition: number | undefined;
  /** Undefined: both stages. */
  readonly stage: 'mirror' | 'apply' | undefined;
  /** Who asks, kept with the action. */
  readonly by: string;
}

export interface ResumeRequest extends PauseRequest {
  readonly from: 'earliest' | bigint | undefined;
  readonly acceptLoss: boolean;
  readonly acceptRecreated: boolean;
  readonly acceptRewind: boolean;
}

export interface OffsetsRequest {
  /** The regional topic; undefined: every topic. */
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  /** An offset to translate, with the log it counts; needs one partition. */
  readonly asked: { readonly from: 'home' | 'regional'; readonly offset: bigint } | undefined;
}

export interface ActionsRequest {
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  readonly limit: number;
}

export interface RejectedListRequest {
  readonly filter: RejectedFilter;
  /** Only those with a higher id: the last one of the page before. */
  readonly after: string;
  readonly limit: number;
}

export interface SchemaRequest {
  /** The regional topic; undefined: every topic that is applied. */
  readonly topic: string | undefined;
  /** `schema.table`. */
  readonly table: string | undefined;
}

/** A request for the shadow, as a file held it. */
export interface ReplayedRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Base64. */
  readonly body: string | null;
}

/** What the daemon tells and does for those who ask over HTTP. */
export interface AdminSource {
  readonly cutover: CutoverSource;
  readonly outbox: OutboxSource;
  readonly events: EventFeedView;
  /** Rows that wait for the region's Kafka; null: not relayed here, or not counted yet. */
  outboxBacklog(): OutboxView | null;
  /** Whether the outbox is relayed here: then a backlog of null is one that is not known. */
  relaysOutbox(): boolean;
  status(): DaemonStatus;
  /** The mapping of home and regional offsets. Throws `request_invalid` when it cannot be asked of this daemon. */
  offsets(request: OffsetsRequest): OffsetsView;
  /** How topics, schemas and tables meet. Rejects with `request_invalid` when no table entry is the one asked for. */
  schema(request: SchemaRequest, signal: AbortSignal): Promise<SchemaView>;
  /** Who paused and resumed what, the newest first. */
  actions(request: ActionsRequest, signal: AbortSignal): Promise<readonly RecordedAction[]>;
  /** Fails only when a loop with work made no progress past its deadline, never because a dependency is down. */
  liveness(): Probe;
  /** Holds on a standby and while the primary is unreachable. */
  readiness(): Probe;
  startup(): Probe;
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** Resolves once done and recorded. Rejects with `request_invalid` when it cannot be done as asked. */
  pause(request: PauseRequest, signal: AbortSignal): Promise<void>;
  /** As `pause`. */
  resume(request: ResumeRequest, signal: AbortSignal): Promise<void>;
  /** Kept records in the order they came. */
  rejected(request: RejectedListRequest, signal: AbortSignal): Promise<readonly RejectedRecord[]>;
  rejectedRecord(id: string, signal: AbortSignal): Promise<RejectedDetail | undefined>;
  /** Tries them again. Rejects with a reason that is not the records' fault; those before it are done. */
  retryRejected(filter: RejectedFilter, by: string, signal: AbortSignal): Promise<RetryCounts>;
  /** Gives them up; resolves with how many. */
  discardRejected(filter: RejectedFilter, by: string, signal: AbortSignal): Promise<number>;
  /** What became of each: `taken`, `shed:REASON` or `skipped:REASON`. Throws `request_invalid` where no shadow is configured. */
  replay(requests: readonly ReplayedRequest[]): readonly string[];
  /** What the shadow found, without values. */
  shadowView(): ShadowView;
  /** What was compared and how it stands, without keys. */
  audit(): AuditStatus;
  auditFindings(
    filter: FindingFilter,
    page: { readonly after: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly AuditFinding[]>;
  /** What was repaired, the newest first. */
  auditRepairs(
    page: { readonly table: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly RepairTrailView[]>;
  /** Answers the tables that will be compared. Throws `request_invalid` for one that is not audited. */
  runAudit(table: string | undefined, by: string): readonly string[];
  triageFindings(filter: FindingFilter, to: 'ignored' | 'resolved', by: string, signal: AbortSignal): Promise<number>;
  repairFindings(
    filter: FindingFilter,
    request: { readonly by: string; readonly dryRun: boolean; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly RepairOutcomeView[]>;
  /** Open backfills and the last of each table. */
  backfills(): BackfillStatus;
  /** Answers its id. Rejects with what is against it. */
  startBackfill(request: BackfillStart, signal: AbortSignal): Promise<string>;
  changeBackfill(table: string, change: 'pause' | 'resume' | 'stop', by: string, signal: AbortSignal): Promise<void>;
  shadowDiffs(filter: ShadowDiffFilter, signal: AbortSignal): Promise<readonly ShadowDiff[]>;
}

export interface BackfillStart {
  readonly table: string;
  readonly source: BackfillSource;
  readonly by: string;
}

export interface AdminSettings {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Names besides the listen host, localhost and loopback addresses that requests may be addressed to. */
  readonly allowedHosts: readonly string[];
  /** The token that changes need, asked for each request so that a changed file counts; undefined allows no changes. */
  readonly token: () => string | undefined;
  readonly limits: AdminLimits;
  readonly clock: Clock;
  /** Takes what failed inside a request and is not the asker's fault; the answer only says that it was logged. */
  readonly onFailure: (error: unknown) => void;
}

export interface AdminLimits {
  readonly headersMs: number;
  readonly requestMs: number;
  /** How long a change may take before the answer says that it is still under way. */
  readonly changeMs: number;
  readonly bodyBytes: number;
  readonly connections: number;
}

export const adminLimits: AdminLimits = {
  headersMs: 5_000,
  requestMs: 10_000,
  changeMs: 30_000,
  bodyBytes: 64 * 1024,
  connections: 256,
};

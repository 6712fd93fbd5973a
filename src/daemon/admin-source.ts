import type {
  ActionsRequest,
  AdminSource,
  BackfillStart,
  OffsetsRequest,
  PauseRequest,
  Probe,
  RejectedListRequest,
  ReplayedRequest,
  ResumeRequest,
  SchemaRequest,
} from '../admin/contracts.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { AuditFinding, AuditStatus, FindingFilter } from '../model/audit.ts';
import type { RepairOutcomeView, RepairTrailView } from '../model/audit-repair.ts';
import type { BackfillStatus } from '../model/backfill.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import type { EventFeedView, OutboxView } from '../model/live.ts';
import type { RejectedDetail, RejectedFilter, RejectedRecord, RetryCounts } from '../model/rejected.ts';
import type { SchemaView } from '../model/schema-view.ts';
import { noShadowView, type ShadowDiff, type ShadowDiffFilter, type ShadowView } from '../model/shadow-view.ts';
import type { DaemonStatus, OffsetsView, RecordedAction } from '../model/status.ts';
import { recordedActions } from '../postgres/action-log.ts';
import type { Database } from '../postgres/database.ts';
import { rejectedStore } from '../postgres/rejected-store.ts';
import { repairsDone } from '../postgres/repair-trail.ts';
import { shadowStore } from '../postgres/shadow-store.ts';
import type { RejectedStore } from '../rejected/contracts.ts';
import type { ActiveDaemon } from './active.ts';
import { needActive, needAudit, needBackfill, needHomeHere } from './active-only.ts';
import { CutoverAdmin } from './cutover-admin.ts';
import { retryKept } from './kept-records.ts';
import type { Observer } from './observer.ts';
import { offsetsView } from './offsets.ts';
import { OutboxAdmin } from './outbox-admin.ts';
import { type CommandedStages, pausePartitions, resumePartitions, stagesOfShard } from './partition-commands.ts';
import { liveness, readiness, startup } from './probes.ts';
import { scrape } from './scrape.ts';
import { noShadow, type ShadowFront } from './shadow-front.ts';
import type { ShardHolder } from './shard-holder.ts';
import { type DaemonNow, type DaemonSelf, NO_LAG, statusNow } from './status-now.ts';

/** What the admin server asks and does, in front of whichever daemon is active. */
export class DaemonState implements AdminSource, DaemonNow {
  readonly #self: DaemonSelf;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #database: Database;
  readonly #rejected: RejectedStore;
  readonly cutover: CutoverAdmin;
  readonly outbox: OutboxAdmin;
  role: DaemonStatus['role'] = 'starting';
  leaseEpoch: bigint | undefined;
  active: ActiveDaemon | undefined;
  shadow: ShadowFront | undefined;
  /** Where several daemons share the region, whether this one is active or not. */
  shards: ShardHolder | undefined;

  constructor(options: {
    config: FarshoreConfig;
    database: Database;
    metrics: Metrics;
    observer: Observer;
    clock: Clock;
    version: string;
  }) {
    const { config, version, observer, clock } = options;
    this.#self = { config, version, observer, startedAtMs: clock.wallMs() };
    this.#metrics = options.metrics;
    this.#clock = clock;
    this.#database = options.database;
    this.#rejected = rejectedStore(options.database);
    const relay = () => (this.role === 'active' ? this.active?.outboxRelay : undefined);
    this.outbox = new OutboxAdmin(options.config.region, options.database, relay, options.observer.observe);
    this.cutover = new CutoverAdmin(
      options.config,
      options.database,
      options.clock,
      () => this.active?.cutover,
      (signal) => needActive(this, 'knows where the region stands').lossBound(signal),
    );
  }

  get events(): EventFeedView {
    return this.#self.observer.events;
  }

  outboxBacklog(): OutboxView | null {
    const backlog = this.active?.outboxBacklog;
    return backlog === undefined ? null : { ...backlog, oldestSeconds: backlog.oldestSeconds ?? null };
  }

  relaysOutbox(): boolean {
    return this.active?.outboxRelay.relaying ?? false;
  }

  status(): DaemonStatus {
    return statusNow(this.#self, this, this.active?.lag.snapshot() ?? NO_LAG, 'region');
  }

  offsets(request: OffsetsRequest): OffsetsView {
    if (this.shards !== undefined)
      return offsetsView(
        [...this.shards.workers()].flatMap(({ offsets }) => [...offsets.all()]),
        request,
      );
    const { own } = needActive(this, 'knows the offsets of a moment ago');
    return offsetsView(own?.offsets.all() ?? [], request);
  }

  async schema(request: SchemaRequest, signal: AbortSignal): Promise<SchemaView> {
    return await needActive(this, 'knows the schemas of what it applies').schema(request, signal);
  }

  async actions(request: ActionsRequest, signal: AbortSignal): Promise<readonly RecordedAction[]> {
    return await recordedActions(this.#database, request, signal);
  }

  liveness(): Probe {
    return liveness(this, this.#clock.monotonicMs());
  }

  readiness(): Probe {
    return readiness(this.role);
  }

  startup(): Probe {
    return startup(this.role);
  }

  async metrics(): Promise<{ readonly contentType: string; readonly body: string }> {
    return await scrape(this.#metrics, this.#self, this);
  }

  async pause(request: PauseRequest, signal: AbortSignal): Promise<void> {
    await pausePartitions(await this.#stagesOf(request, signal), request, signal);
  }

  async resume(request: ResumeRequest, signal: AbortSignal): Promise<void> {
    await resumePartitions(await this.#stagesOf(request, signal), request, signal);
  }

  async rejected({ filter, after, limit }: RejectedListRequest, signal: AbortSignal): Promise<readonly RejectedRecord[]> {
    return await this.#rejected.list(filter, { after, limit }, signal);
  }

  async rejectedRecord(id: string, signal: AbortSignal): Promise<RejectedDetail | undefined> {
    return await this.#rejected.get(id, signal);
  }

  async retryRejected(filter: RejectedFilter, by: string, signal: AbortSignal): Promise<RetryCounts> {
    const active = needActive(this, 'applies records');
    needHomeHere(active);
    return await retryKept({ apply: active.applying, rejected: this.#rejected, observe: this.#self.observer.observe }, filter, by, signal);
  }

  async discardRejected(filter: RejectedFilter, by: string, signal: AbortSignal): Promise<number> {
    needActive(this, 'gives records up');
    const records = await this.#rejected.discard(filter, by, signal);
    this.#self.observer.observe({ type: 'rejected_discarded', by, records });
    return records;
  }

  replay(requests: readonly ReplayedRequest[]): readonly string[] {
    if (this.shadow === undefined) throw noShadow();
    return this.shadow.replay(requests);
  }

  shadowView(): ShadowView {
    return this.active?.shadow?.view() ?? noShadowView;
  }

  audit(): AuditStatus {
    return this.active?.audit?.status() ?? { enabled: false, known: true, activity: '', tables: [] };
  }

  async auditFindings(
    filter: FindingFilter,
    page: { readonly after: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly AuditFinding[]> {
    return await needAudit(this).findings(filter, page, signal);
  }

  async auditRepairs(
    page: { readonly table: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly RepairTrailView[]> {
    return await repairsDone(this.#database, page, signal);
  }

  runAudit(table: string | undefined, by: string): readonly string[] {
    return needAudit(this).request(table, by);
  }

  async triageFindings(filter: FindingFilter, to: 'ignored' | 'resolved', by: string, signal: AbortSignal): Promise<number> {
    return await needAudit(this).triage(filter, to, by, signal);
  }

  async repairFindings(
    filter: FindingFilter,
    request: { readonly by: string; readonly dryRun: boolean; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly RepairOutcomeView[]> {
    return await needAudit(this).repair(filter, request, signal);
  }

  backfills(): BackfillStatus {
    return this.active?.backfill?.status() ?? { enabled: false, backfills: [] };
  }

  async startBackfill(request: BackfillStart, signal: AbortSignal): Promise<string> {
    return await needBackfill(this).start(request, signal);
  }

  async changeBackfill(table: string, change: 'pause' | 'resume' | 'stop', by: string, signal: AbortSignal): Promise<void> {
    await needBackfill(this).change(table, change, by, signal);
  }

  async shadowDiffs(filter: ShadowDiffFilter, signal: AbortSignal): Promise<readonly ShadowDiff[]> {
    return await shadowStore(this.#database).diffs(filter, signal);
  }

  async #stagesOf(request: PauseRequest, signal: AbortSignal): Promise<CommandedStages> {
    const { shards: holder } = this;
    if (holder !== undefined)
      return await stagesOfShard(request, { holder, shards: this.#self.config.mirror.shards, database: this.#database }, signal);
    const { own, applying } = needActive(this, 'changes partitions');
    if (own === undefined) throw new FarshoreError('internal', 'A daemon without shards does not mirror');
    return { mirror: own.mirror, apply: applying };
  }
}

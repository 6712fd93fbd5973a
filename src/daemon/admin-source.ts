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
import type { AuditStage } from '../audit/audit-stage.ts';
import type { BackfillStage } from '../backfill/backfill-stage.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { LagSnapshot } from '../lag/lag-loop.ts';
import { measureAudit } from '../metrics/audit.ts';
import { measureBackfill } from '../metrics/backfill.ts';
import { measureCutover } from '../metrics/cutover.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { measureOutbox } from '../metrics/outbox.ts';
import { measureShadow } from '../metrics/shadow.ts';
import { measureLag, measureStatus } from '../metrics/status.ts';
import type { AuditFinding, AuditStatus, FindingFilter } from '../model/audit.ts';
import type { RepairOutcomeView, RepairTrailView } from '../model/audit-repair.ts';
import type { BackfillStatus } from '../model/backfill.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import type { EventFeedView, OutboxView } from '../model/live.ts';
import type { RejectedDetail, RejectedFilter, RejectedRecord, RetryCounts } from '../model/rejected.ts';
import type { SchemaView } from '../model/schema-view.ts';
import { noShadowView, type ShadowDiff, type ShadowDiffFilter, type ShadowView } from '../model/shadow-view.ts';
import type { DaemonStatus, LagValue, OffsetsView, RecordedAction } from '../model/status.ts';
import { recordedActions } from '../postgres/action-log.ts';
import type { Database } from '../postgres/database.ts';
import { rejectedStore } from '../postgres/rejected-store.ts';
import { repairsDone } from '../postgres/repair-trail.ts';
import { shadowStore } from '../postgres/shadow-store.ts';
import type { RejectedStore } from '../rejected/contracts.ts';
import type { ActiveDaemon } from './active.ts';
import { loopNames } from './active-loops.ts';
import { CutoverAdmin } from './cutover-admin.ts';
import { retryKept } from './kept-records.ts';
import type { Observer } from './observer.ts';
import { offsetsView } from './offsets.ts';
import { OutboxAdmin } from './outbox-admin.ts';
import { type CommandedStages, pausePartitions, resumePartitions, stagesOfShard } from './partition-commands.ts';
import { noShadow, type ShadowFront } from './shadow-front.ts';
import type { ShardHolder } from './shard-holder.ts';
import { daemonStatus } from './status.ts';

/** A loop that had work and made no turn for this long hangs; every request it makes has a shorter limit. */
const LOOP_DEADLINE_MS = 120_000;

/** Of a daemon that is not active. */
const NO_LAG: LagSnapshot = { partitions: [], stuckSeconds: { primary: undefined, regional: undefined } };

/** What the admin server asks and does, in front of whichever daemon is active. */
export class DaemonState implements AdminSource {
  readonly #config: FarshoreConfig;
  readonly #metrics: Metrics;
  readonly #observer: Observer;
  readonly #clock: Clock;
  readonly #version: string;
  readonly #database: Database;
  readonly #startedAtMs: number;
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
    this.#config = options.config;
    this.#metrics = options.metrics;
    this.#observer = options.observer;
    this.#clock = options.clock;
    this.#version = options.version;
    this.#database = options.database;
    this.#startedAtMs = options.clock.wallMs();
    this.#rejected = rejectedStore(options.database);
    const relay = () => (this.role === 'active' ? this.active?.outboxRelay : undefined);
    this.outbox = new OutboxAdmin(options.config.region, options.database, relay, options.observer.observe);
    this.cutover = new CutoverAdmin(
      options.config,
      options.database,
      options.clock,
      () => this.active?.cutover,
      (signal) => this.#needActive('knows where the region stands').lossBound(signal),
    );
  }

  get events(): EventFeedView {
    return this.#observer.events;
  }

  outboxBacklog(): OutboxView | null {
    const backlog = this.active?.outboxBacklog;
    return backlog === undefined ? null : { ...backlog, oldestSeconds: backlog.oldestSeconds ?? null };
  }

  status(): DaemonStatus {
    return this.#status(this.active?.lag.snapshot() ?? NO_LAG);
  }

  /** `of`: the partitions of the whole region, as far as this daemon knows them, or those that it works on itself. */
  #status({ partitions }: LagSnapshot, of: 'region' | 'here' = 'region'): DaemonStatus {
    const { active, shards } = this;
    const seen = of === 'here' && shards !== undefined ? undefined : active;
    const { holders } = active ?? {};
    const lag = new Map(partitions.map((p) => [`${p.topic}:${p.partition}`, p.lag]));
    const heartbeats = active?.heartbeats;
    const audited = new Set(active?.neededAudits.map(({ table }) => table));
    return daemonStatus({
      region: this.#config.region,
      primary: this.#config.primary.name,
      version: this.#version,
      role: this.role,
      startedAtMs: this.#startedAtMs,
      leaseEpoch: this.leaseEpoch,
      components: this.#observer.components,
      // What is worked on here is known best here: it comes last, and stands.
      mirror: [...(seen?.mirror.status() ?? []), ...(shards?.mirrorStatuses() ?? [])],
      apply: [...(seen?.apply.statuses() ?? []), ...(shards?.applyStatuses() ?? [])],
      lag: (topic, partition) => {
        const values = lag.get(`${topic}:${partition}`);
        const known = (value: LagValue | null | undefined): LagValue | undefined => value ?? undefined;
        return { mirror: known(values?.mirror), apply: known(values?.apply), total: known(values?.total) };
      },
      tables: [...(active?.apply.tables() ?? [])].map((table) => ({
        ...table,
        ...(audited.has(table.table) ? { needsFullAudit: true as const } : {}),
      })),
      rejected: active?.keptCounts.current,
      heartbeat: { latencySeconds: heartbeats?.latencySeconds ?? null, ageSeconds: heartbeats?.ageSeconds ?? null },
      counters: { mirroredRecords: this.#observer.mirroredRecords, appliedRecords: this.#observer.appliedRecords },
      ...(shards === undefined
        ? {}
        : {
            shards: {
              count: this.#config.mirror.shards,
              held: shards.held,
              holders: holders?.map(({ shard, holder }) => ({ shard, holder })) ?? null,
            },
          }),
    });
  }

  offsets(request: OffsetsRequest): OffsetsView {
    if (this.shards !== undefined)
      return offsetsView(
        [...this.shards.workers()].flatMap(({ offsets }) => [...offsets.all()]),
        request,
      );
    const { own } = this.#needActive('knows the offsets of a moment ago');
    return offsetsView(own?.offsets.all() ?? [], request);
  }

  async schema(request: SchemaRequest, signal: AbortSignal): Promise<SchemaView> {
    return await this.#needActive('knows the schemas of what it applies').schema(request, signal);
  }

  async actions(request: ActionsRequest, signal: AbortSignal): Promise<readonly RecordedAction[]> {
    return await recordedActions(this.#database, request, signal);
  }

  liveness(): Probe {
    const { active } = this;
    const nowMs = this.#clock.monotonicMs();
    const shards = [...(this.shards?.workers() ?? [])].flatMap((worker) =>
      worker.loops().map(({ name, lastTurnMs }) => {
        const idleMs = nowMs - lastTurnMs;
        return { name, ok: idleMs < LOOP_DEADLINE_MS, detail: `last turn ${Math.round(idleMs / 1_000)} s ago` };
      }),
    );
    if (active === undefined) {
      const checks = [{ name: 'role', ok: true, detail: this.role }, ...shards];
      return { ok: checks.every((check) => check.ok), checks };
    }
    const checks: Probe['checks'][number][] = loopNames.flatMap((name) => {
      const loop = active[name];
      if (loop === undefined || !active.began(name)) return [];
      const idleMs = nowMs - loop.lastTurnMs;
      return [{ name, ok: idleMs < LOOP_DEADLINE_MS, detail: `last turn ${Math.round(idleMs / 1_000)} s ago` }];
    });
    checks.push(...shards);
    return { ok: checks.every((check) => check.ok), checks };
  }

  readiness(): Probe {
    const ok = this.role === 'active' || this.role === 'standby';
    return { ok, checks: [{ name: 'role', ok, detail: this.role }] };
  }

  startup(): Probe {
    const ok = this.role !== 'starting';
    return { ok, checks: [{ name: 'role', ok, detail: this.role }] };
  }

  async metrics(): Promise<{ readonly contentType: string; readonly body: string }> {
    // Set for each scrape, not for each read of the clusters: as fresh for whoever looks, and free while nobody does.
    const lag = this.active?.lag.snapshot() ?? NO_LAG;
    measureLag(this.#metrics, lag);
    measureStatus(this.#metrics, this.#status(lag, 'here'));
    this.#metrics.set('farshore_shards_held', {}, this.shards?.held.length);
    this.#metrics.set('farshore_buffer_bytes', { stage: 'apply' }, this.active?.applyBufferBytes ?? this.shards?.bufferedBytes);
    this.shadow?.measure();
    measureAudit(this.#metrics, this.active?.audit?.figures === undefined ? undefined : this.audit());
    measureOutbox(this.#metrics, this.active?.outboxBacklog);
    measureBackfill(this.#metrics, this.active?.backfill?.status());
    measureShadow(this.#metrics, this.active?.shadow?.view());
    const cutover = this.active?.cutover;
    measureCutover(this.#metrics, { state: cutover?.state, gates: cutover?.measured()?.view.gates });
    this.#metrics.set('farshore_leader', {}, this.role === 'active' ? 1 : 0);
    this.#metrics.set('farshore_fencing_epoch', {}, this.leaseEpoch);
    return await this.#metrics.render();
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
    const { applying: apply, homeElsewhere } = this.#needActive('applies records');
    if (homeElsewhere !== undefined) {
      // A record of the old home does not know of what was written here since, and its version would win.
      throw new FarshoreError('request_invalid', `Records of the primary are not tried again now: ${homeElsewhere}`, {
        hint: 'farshore cutover plan shows where the home is. They stay kept.',
      });
    }
    return await retryKept({ apply, rejected: this.#rejected, observe: this.#observer.observe }, filter, by, signal);
  }

  async discardRejected(filter: RejectedFilter, by: string, signal: AbortSignal): Promise<number> {
    this.#needActive('gives records up');
    const records = await this.#rejected.discard(filter, by, signal);
    this.#observer.observe({ type: 'rejected_discarded', by, records });
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
    return await this.#needAudit().findings(filter, page, signal);
  }

  async auditRepairs(
    page: { readonly table: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly RepairTrailView[]> {
    return await repairsDone(this.#database, page, signal);
  }

  runAudit(table: string | undefined, by: string): readonly string[] {
    return this.#needAudit().request(table, by);
  }

  async triageFindings(filter: FindingFilter, to: 'ignored' | 'resolved', by: string, signal: AbortSignal): Promise<number> {
    return await this.#needAudit().triage(filter, to, by, signal);
  }

  async repairFindings(
    filter: FindingFilter,
    request: { readonly by: string; readonly dryRun: boolean; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly RepairOutcomeView[]> {
    return await this.#needAudit().repair(filter, request, signal);
  }

  backfills(): BackfillStatus {
    return this.active?.backfill?.status() ?? { enabled: false, backfills: [] };
  }

  async startBackfill(request: BackfillStart, signal: AbortSignal): Promise<string> {
    return await this.#needBackfill().start(request, signal);
  }

  async changeBackfill(table: string, change: 'pause' | 'resume' | 'stop', by: string, signal: AbortSignal): Promise<void> {
    await this.#needBackfill().change(table, change, by, signal);
  }

  #needBackfill(): BackfillStage {
    const { backfill } = this.#needActive('backfills tables');
    if (backfill !== undefined) return backfill;
    throw new FarshoreError('request_invalid', 'There is no table to backfill', {
      place: 'apply.tables',
      hint: 'Set apply.tables, and restart the daemon.',
    });
  }

  #needAudit(): AuditStage {
    const { audit } = this.#needActive('compares rows');
    if (audit !== undefined) return audit;
    throw new FarshoreError('request_invalid', 'Nothing is compared here', {
      place: 'audit',
      hint: 'Set primary.database, leave audit.enabled on, and restart the daemon.',
    });
  }

  async shadowDiffs(filter: ShadowDiffFilter, signal: AbortSignal): Promise<readonly ShadowDiff[]> {
    return await shadowStore(this.#database).diffs(filter, signal);
  }

  #needActive(what: string): ActiveDaemon {
    const { active } = this;
    if (active !== undefined && this.role === 'active') return active;
    throw new FarshoreError('request_invalid', `This daemon is ${this.role}; only the active one ${what}`, {
      hint: 'Ask the active daemon.',
    });
  }

  async #stagesOf(request: PauseRequest, signal: AbortSignal): Promise<CommandedStages> {
    const { shards: holder } = this;
    if (holder !== undefined)
      return await stagesOfShard(request, { holder, shards: this.#config.mirror.shards, database: this.#database }, signal);
    const { own, applying } = this.#needActive('changes partitions');
    if (own === undefined) throw new FarshoreError('internal', 'A daemon without shards does not mirror');
    return { mirror: own.mirror, apply: applying };
  }
}

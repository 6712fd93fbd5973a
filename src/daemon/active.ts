import type { SchemaRequest } from '../admin/contracts.ts';
import type { ApplyStage } from '../apply/apply-stage.ts';
import type { AuditStage } from '../audit/audit-stage.ts';
import type { BackfillStage } from '../backfill/backfill-stage.ts';
import type { Heartbeats } from '../lag/heartbeats.ts';
import type { LagLoop } from '../lag/lag-loop.ts';
import type { NeededAudit } from '../lag/lost-deletes-loop.ts';
import { measureNeededAudits } from '../metrics/status.ts';
import type { LossBound } from '../model/cutover.ts';
import type { SchemaView } from '../model/schema-view.ts';
import type { OutboxBacklog } from '../outbox/contracts.ts';
import type { KeptCounts } from '../rejected/kept-counts.ts';
import type { ShadowStage } from '../shadow/shadow-stage.ts';
import { ActiveClusters } from './active-clusters.ts';
import { activeLoops, type LoopName } from './active-loops.ts';
import type { ActiveParts } from './active-parts.ts';
import { type ActiveStages, buildActive } from './build-active.ts';
import type { BuiltCutover } from './build-cutover.ts';
import type { RegionApply, RegionMirror, RegionStages } from './region-stages.ts';
import { schemaView } from './schema-view.ts';
import { superviseLoops } from './supervisor.ts';

/**
 * The daemon while it holds the lease: all stages, wired. A new one is built for each lease, so that
 * nothing of an epoch that was lost reaches into the next.
 */
export class ActiveDaemon implements AsyncDisposable {
  readonly #parts: ActiveParts;
  readonly #clusters: ActiveClusters;
  readonly #stages: ActiveStages;
  readonly #began = new Set<LoopName>();
  readonly #connecting: ReturnType<ActiveParts['observer']['connecting']>;

  constructor(parts: ActiveParts) {
    this.#parts = parts;
    this.#connecting = parts.observer.connecting();
    this.#clusters = new ActiveClusters(parts);
    this.#stages = buildActive(parts, this.#clusters);
  }

  get mirror(): RegionMirror {
    return this.#stages.replication.stages.mirror;
  }

  get apply(): RegionApply {
    return this.#stages.replication.stages.applied;
  }

  get lag(): LagLoop {
    return this.#stages.lag;
  }

  /** Undefined where none are written. */
  get heartbeats(): Heartbeats | undefined {
    return this.#stages.replication.heartbeats;
  }

  get keptCounts(): KeptCounts {
    return this.#stages.rejected.counts;
  }

  /** Tables that may have missed deletes (C7), as the ledger holds them. */
  get neededAudits(): readonly NeededAudit[] {
    return this.#stages.neededAudits.current;
  }

  /** What giving the primary up would cost at most, as far as it is known. */
  async lossBound(signal: AbortSignal): Promise<LossBound> {
    return await this.#stages.cutover.lossBound(signal);
  }

  get cutover(): BuiltCutover['loop'] {
    return this.#stages.cutover.loop;
  }

  get unmirroredTail(): ReturnType<BuiltCutover['unmirrored']> {
    return this.#stages.cutover.unmirrored();
  }

  async schema(request: SchemaRequest, signal: AbortSignal): Promise<SchemaView> {
    return await schemaView(this.#stages.schema, request, signal);
  }

  /** Undefined where nothing can be compared. */
  get audit(): AuditStage | undefined {
    return this.#stages.audit?.stage;
  }

  /** Undefined where there is no database to read rows from. */
  get backfill(): BackfillStage | undefined {
    return this.#stages.backfill?.stage;
  }

  /** Undefined where the outbox is not relayed, and while it cannot be counted. */
  get outboxBacklog(): OutboxBacklog | undefined {
    return this.#stages.outbox?.loop.backlog;
  }

  get outboxRelay(): { readonly relaying: boolean; readonly listening: boolean } {
    const { outbox } = this.#stages;
    return { relaying: outbox !== undefined, listening: outbox?.listening ?? false };
  }

  /** Why the primary's records are not those that count now; undefined: they do. */
  get homeElsewhere(): string | undefined {
    return this.#stages.gate.reason;
  }

  /** Mirror and apply of a daemon that does all of it; undefined where shards do. */
  get own(): RegionStages['own'] {
    return this.#stages.replication.stages.own;
  }

  /** Who works on which shard, where several daemons share the region. */
  get holders(): ReturnType<RegionStages['holders']> {
    return this.#stages.replication.stages.holders();
  }

  /** Takes kept records of any partition, and commands for those of its own. */
  get applying(): ApplyStage {
    return this.#stages.replication.stages.apply;
  }

  get shadow(): ShadowStage | undefined {
    return this.#stages.shadow?.stage;
  }

  /** Bytes of record batches that apply holds. */
  get applyBufferBytes(): number {
    return this.#stages.replication.stages.bufferedBytes();
  }

  /** Whether a loop has left waiting for its cluster's first answer: before that it makes no turns. */
  began(name: LoopName): boolean {
    return this.#began.has(name);
  }

  /** Runs until `signal`, or rejects with what ended it: the lease, a fence, a wrong cluster. */
  async run(signal: AbortSignal): Promise<void> {
    const loops = activeLoops(this.#parts, this.#clusters, this.#stages, (name) => this.#began.add(name));
    await superviseLoops(loops, signal, this.#parts.clock);
  }

  /** After credentials changed: connections are made anew, each when nothing is in flight on it. */
  renewConnections(): void {
    this.#clusters.renewConnections();
    const { outbox, audit, backfill, cutover } = this.#stages;
    for (const stage of [outbox, audit, backfill, cutover]) stage?.renewConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { observer, shards, metrics } = this.#parts;
    observer.onTopics(() => shards?.noticeTopics());
    measureNeededAudits(metrics, []);
    await this.#clusters.close();
    this.#connecting.left();
  }
}

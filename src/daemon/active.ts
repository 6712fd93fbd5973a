import { randomUUID } from 'node:crypto';
import type { SchemaRequest } from '../admin/contracts.ts';
import type { ApplyStage } from '../apply/apply-stage.ts';
import type { AuditStage } from '../audit/audit-stage.ts';
import type { BackfillStage } from '../backfill/backfill-stage.ts';
import { recordVisitor } from '../kafka/batch/records.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { fenceShards } from '../kafka/fence-shards.ts';
import { heartbeatWriter } from '../kafka/heartbeat-writer.ts';
import { homeLog } from '../kafka/home-log.ts';
import { KeptStarts } from '../kafka/kept-starts.ts';
import { regionalSource } from '../kafka/regional-source.ts';
import { rejectedWriter } from '../kafka/rejected-writer.ts';
import { Heartbeats } from '../lag/heartbeats.ts';
import type { LagLoop } from '../lag/lag-loop.ts';
import type { LostDeletesLoop, NeededAudit } from '../lag/lost-deletes-loop.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { measureNeededAudits } from '../metrics/status.ts';
import { schemasFirst } from '../mirror/schemas-first.ts';
import type { LossBound } from '../model/cutover.ts';
import { FarshoreError } from '../model/errors.ts';
import type { RejectedDetail } from '../model/rejected.ts';
import type { SchemaView } from '../model/schema-view.ts';
import type { OutboxBacklog } from '../outbox/contracts.ts';
import type { HeldLease } from '../postgres/held-lease.ts';
import { rejectedStore } from '../postgres/rejected-store.ts';
import { newestShardEpoch } from '../postgres/shard-leases.ts';
import { shardLedger } from '../postgres/shard-ledger.ts';
import { stopLedger } from '../postgres/stop-ledger.ts';
import { describeTables } from '../postgres/tables.ts';
import { KeptCounts } from '../rejected/kept-counts.ts';
import { retryLateSchemas } from '../rejected/late-schemas-loop.ts';
import { publishRejected } from '../rejected/publish.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { ShadowStage } from '../shadow/shadow-stage.ts';
import { type ActiveAudit, buildAudit } from './build-audit.ts';
import { type ActiveBackfill, buildBackfill } from './build-backfill.ts';
import { type BuiltCutover, buildCutover } from './build-cutover.ts';
import { buildLag, buildLostDeletes, lagSources } from './build-lag.ts';
import { type ActiveOutbox, activeOutboxStore, buildOutbox } from './build-outbox.ts';
import { buildSchedule } from './build-schedule.ts';
import { type ActiveShadow, buildShadow } from './build-shadow.ts';
import { buildSteps } from './build-steps.ts';
import { buildWayBack, type WayBack } from './build-way-back.ts';
import { primaryCluster, regionalCluster } from './clusters.ts';
import { tellCompatibility } from './compatibility.ts';
import { connectCluster } from './connect-cluster.ts';
import { backfillMeasured, divergenceMeasured, shadowMeasured } from './gate-measurements.ts';
import { isSchemaKnown, retryKept, valueSchemaOf } from './kept-records.ts';
import { MirrorGate } from './mirror-gate.ts';
import { patiently } from './patiently.ts';
import { ownStages, type RegionApply, type RegionMirror, type RegionStages, sharedStages } from './region-stages.ts';
import { creator } from './regional-admin.ts';
import { buildRegionalSchemas, type RegionalSchemas, roleBesidePrimary, roleOfRegion } from './regional-schemas.ts';
import { type SchemaViewParts, schemaView } from './schema-view.ts';
import { schemas } from './schemas.ts';
import type { ShadowFront } from './shadow-front.ts';
import type { ShardHolder } from './shard-holder.ts';
import { settleShards } from './shards.ts';
import type { StageParts } from './stage-parts.ts';
import { type StopSignals, superviseLoops } from './supervisor.ts';
import { aborted, untilStopped } from './until-stopped.ts';

/** Memory kept for the answers of a backfill that reads a topic. */
const BACKFILL_FETCH_BYTES = 1024 * 1024;
/** Who is recorded for retries that nobody asked for. */
const LATE_SCHEMAS = 'rejected.lateSchemas';

/** Loops whose turns the liveness probe watches. */
export const loopNames = ['mirror', 'apply', 'lag', 'heartbeats', 'cutover'] as const;
export type LoopName = (typeof loopNames)[number];

/** Before records are fetched again whose schemas could not be carried. */
const SCHEMAS_AGAIN_MS = 1_000;

export interface ActiveParts extends StageParts {
  readonly lease: HeldLease;
  readonly metrics: Metrics;
  /** Where requests to compare come in; undefined where no shadow is configured. */
  readonly shadow: ShadowFront | undefined;
  /** Where several daemons share the region: the shards that this one works on. */
  readonly shards: ShardHolder | undefined;
}

/**
 * The daemon while it holds the lease: all stages, wired. A new one is built for each lease, so that
 * nothing of an epoch that was lost reaches into the next.
 */
export class ActiveDaemon implements AsyncDisposable {
  readonly #parts: ActiveParts;
  readonly #primary: KafkaCluster;
  /** Apart from the writer's: after an unknown outcome the writer drops its connections (C9), and apply reads on. */
  readonly #reader: KafkaCluster;
  readonly #writer: KafkaCluster;
  readonly mirror: RegionMirror;
  readonly apply: RegionApply;
  readonly #stages: RegionStages;
  readonly lag: LagLoop;
  readonly heartbeats: Heartbeats | undefined;
  readonly #registries: RegionalSchemas | undefined;
  readonly #audit: ActiveAudit | undefined;
  readonly #backfill: ActiveBackfill | undefined;
  readonly #shadow: ActiveShadow | undefined;
  readonly #outbox: ActiveOutbox | undefined;
  readonly #wayBack: WayBack | undefined;
  readonly keptCounts: KeptCounts;
  readonly #publishRejected: (signal: AbortSignal) => Promise<void>;
  readonly #retryLateSchemas: (signal: AbortSignal) => Promise<void>;
  readonly #schedule: Schedule;
  readonly #lostDeletes: LostDeletesLoop;
  /** Tables that may have missed deletes (C7), as the ledger holds them. */
  neededAudits: readonly NeededAudit[] = [];
  #neededAuditsAtMs: number | undefined;
  readonly #cutover: BuiltCutover;
  readonly #gate = new MirrorGate();
  readonly #schema: SchemaViewParts;
  readonly #carrySchemas: (signal: AbortSignal) => Promise<void>;
  #primaryConnected = false;
  readonly #began = new Set<LoopName>();

  constructor(parts: ActiveParts) {
    const { current, database, observer, clock } = parts;
    const config = current();
    const { observe } = observer;
    this.#parts = parts;
    this.#primary = primaryCluster(current, clock, observe);
    this.#reader = regionalCluster(current, clock, observe);
    this.#writer = regionalCluster(current, clock, observe);
    const { heartbeat } = config.primary;
    const { maxDecompressedBytes } = config.limits;
    // Apply is far slower than a fetch: a larger answer would only lie in memory, three times while it is read. One feeds every connection.
    const applyFetchBytes = Math.min(config.mirror.maxCycleBytes, config.apply.maxBatchBytes);
    // Kept is what is given back before it is taken again: one cycle, while the mirror holds the next, and one answer of apply's.
    const registries = buildRegionalSchemas(parts, async (signal) =>
      config.mirror.standby ? await roleBesidePrimary(config, this.#primary, signal) : roleOfRegion(this.#cutover.home()),
    );
    this.#registries = registries;
    const plainHome = homeLog(this.#primary, maxDecompressedBytes, config.mirror.maxCycleBytes);
    const home =
      registries === undefined || !config.mirror.standby
        ? plainHome
        : schemasFirst(plainHome, {
            carry: registries.carry,
            needsSchemas: (topic) => topic !== heartbeat.topic,
            pause: (signal) => clock.sleep(SCHEMAS_AGAIN_MS, signal),
          });
    const source = regionalSource(this.#reader, maxDecompressedBytes, applyFetchBytes);
    const stops = stopLedger(database);
    const { decoders, carrier, registry } = schemas(() => current().primary.registry, database, clock, observe);
    this.#carrySchemas = async (signal) => await carrier?.run(config.mirror.refreshSeconds * 1_000, clock, signal);

    if (heartbeat.enabled) {
      const writer = heartbeatWriter(this.#primary, heartbeat.topic, creator(this.#primary, undefined));
      this.heartbeats = new Heartbeats(
        {
          ensureTopic: (signal) => writer.ensureTopic(signal),
          write: (key, value, signal) => writer.write(key.toString('utf8'), value, signal),
        },
        {
          region: config.region,
          instance: randomUUID(),
          intervalMs: heartbeat.intervalMs,
          writeLimitMs: config.primary.kafka.requestTimeoutMs,
        },
        clock,
        observe,
      );
    }

    const tablesOf = (topic: string) => [...new Set(config.apply.tables.flatMap((entry) => (entry.topic === topic ? [entry.table] : [])))];
    const visitRecords = recordVisitor(maxDecompressedBytes);
    const clusters = { primary: this.#primary, reader: this.#reader, writer: this.#writer };
    const primaryConnected = () => this.#primaryConnected;
    const mirroring = { home, stops, visitRecords, isApplied: (topic: string) => tablesOf(topic).length > 0 };
    const applying = {
      source,
      decoders,
      stops,
      visitRecords,
      onHeartbeat: (key: Buffer | null, value: Buffer | null) => this.heartbeats?.returned(key, value),
      keepRogueWrites: async (found: Parameters<AuditStage['noteRogueWrites']>[0], signal: AbortSignal) =>
        await this.#audit?.stage.noteRogueWrites(found, signal),
      maxFetchBytes: applyFetchBytes,
    };
    const { shards: holder } = parts;
    const stages =
      holder === undefined
        ? ownStages(parts, clusters, mirroring, applying)
        : sharedStages(parts, clusters, mirroring, applying, { holder, gate: this.#gate });
    const { mirror, apply, applied } = stages;
    this.#stages = stages;
    this.mirror = mirror;
    this.apply = applied;
    this.#schema = { config, apply: applied, decoders, registry, describe: (tables, signal) => describeTables(database, tables, signal) };
    const sources = lagSources({ home, source, mirror, apply: applied, primaryConnected });
    const eachSecond = { home: KeptStarts.of(clusters.primary, clock), source: KeptStarts.of(this.#reader, clock) };
    this.lag = buildLag(parts, lagSources({ ...eachSecond, mirror, apply: applied, primaryConnected }));
    if (parts.shadow !== undefined && config.shadow?.enabled === true) {
      const shadowed = { front: parts.shadow, shadow: config.shadow, lagSources: sources, lag: this.lag, decoders, visitRecords };
      this.#shadow = buildShadow(parts, shadowed);
    }
    this.#lostDeletes = buildLostDeletes(parts, clusters, { mirror, lag: this.lag, primaryConnected }, tablesOf, (audits) => {
      this.neededAudits = audits;
      this.#neededAuditsAtMs = clock.monotonicMs();
    });
    const rejected = rejectedStore(database);
    this.keptCounts = new KeptCounts(rejected, clock);
    const write = rejectedWriter(this.#reader, creator(this.#reader, config.mirror.replicationFactor));
    this.#publishRejected = async (signal) => {
      if (config.rejected.publish) await publishRejected({ store: rejected, write, region: config.region, observe, clock }, signal);
    };
    this.#retryLateSchemas = async (signal) => {
      if (!config.rejected.lateSchemas) return;
      const filter = { ids: undefined, table: undefined, reason: 'schema_unknown', since: undefined, parked: false } as const;
      const late = {
        waiting: rejected.ofUnknownSchemas,
        refOf: (record: RejectedDetail) => valueSchemaOf(decoders, record),
        isKnown: (ref: string, stop: AbortSignal) => isSchemaKnown(decoders, ref, stop),
        retry: (stop: AbortSignal) => retryKept({ apply, rejected, observe }, filter, LATE_SCHEMAS, stop),
        resting: () => this.#gate.reason,
        clock,
      };
      await retryLateSchemas(late, signal);
    };
    this.#audit = buildAudit(parts, { lagSources: sources, lag: this.lag, apply, rejected, homeElsewhere: () => this.#gate.reason });
    this.#backfill = buildBackfill(parts, {
      lagSources: sources,
      lag: this.lag,
      schema: this.#schema,
      source: regionalSource(this.#writer, maxDecompressedBytes, BACKFILL_FETCH_BYTES),
      decoders,
      visitRecords,
      homeElsewhere: () => this.#gate.reason,
    });
    const outbox = activeOutboxStore(parts);
    this.#outbox = buildOutbox(parts, outbox);
    this.#schedule = buildSchedule(parts, clusters, {
      audit: this.#audit?.stage,
      rejected,
      mirror,
      apply: applied,
      lag: this.lag,
      primaryConnected,
    });
    observer.onTopics(() => {
      apply.noticeTopics();
      holder?.noticeTopics();
    });
    const steps = buildSteps(parts, {
      clusters,
      primaryConnected,
      gate: this.#gate,
      mirror,
      apply: applied,
      lagSources: sources,
      lag: this.lag,
      audit: this.#audit,
      rejected,
      outbox,
      schemasNotBack: registries?.notBack,
    });
    const wayBack = buildWayBack(parts, clusters);
    this.#wayBack = wayBack;
    this.#cutover = buildCutover(parts, {
      steps,
      gate: this.#gate,
      mirror,
      apply: applied,
      lag: this.lag,
      heartbeats: this.heartbeats,
      keptCounts: this.keptCounts,
      neededAudits: () => (this.#neededAuditsAtMs === undefined ? undefined : { atMs: this.#neededAuditsAtMs, audits: this.neededAudits }),
      schema: (signal) => this.schema({ topic: undefined, table: undefined }, signal),
      divergence: () => divergenceMeasured(this.#audit?.stage),
      backfill: () => backfillMeasured(this.#backfill?.stage),
      shadow: () => shadowMeasured(this.#shadow?.stage, clock),
      ...(wayBack === undefined ? {} : { reversePath: () => wayBack.measured() }),
      ...(registries === undefined || config.mirror.standby ? {} : { registries: () => registries.measured() }),
    });
  }

  /** What giving the primary up would cost at most, as far as it is known. */
  async lossBound(signal: AbortSignal): Promise<LossBound> {
    return await this.#cutover.lossBound(signal);
  }

  get cutover(): BuiltCutover['loop'] {
    return this.#cutover.loop;
  }

  async schema(request: SchemaRequest, signal: AbortSignal): Promise<SchemaView> {
    return await schemaView(this.#schema, request, signal);
  }

  /** Undefined where nothing can be compared. */
  get audit(): AuditStage | undefined {
    return this.#audit?.stage;
  }

  /** Undefined where there is no database to read rows from. */
  get backfill(): BackfillStage | undefined {
    return this.#backfill?.stage;
  }

  /** Undefined where the outbox is not relayed, and while it cannot be counted. */
  get outboxBacklog(): OutboxBacklog | undefined {
    return this.#outbox?.loop.backlog;
  }

  get outboxRelay(): { readonly relaying: boolean; readonly listening: boolean } {
    return { relaying: this.#outbox !== undefined, listening: this.#outbox?.listening ?? false };
  }

  /** Why the primary's records are not those that count now; undefined: they do. */
  get homeElsewhere(): string | undefined {
    return this.#gate.reason;
  }

  /** Mirror and apply of a daemon that does all of it; undefined where shards do. */
  get own(): RegionStages['own'] {
    return this.#stages.own;
  }

  /** Who works on which shard, where several daemons share the region. */
  get holders(): ReturnType<RegionStages['holders']> {
    return this.#stages.holders();
  }

  /** Takes kept records of any partition, and commands for those of its own. */
  get applying(): ApplyStage {
    return this.#stages.apply;
  }

  get shadow(): ShadowStage | undefined {
    return this.#shadow?.stage;
  }

  /** Bytes of record batches that apply holds. */
  get applyBufferBytes(): number {
    return this.#stages.bufferedBytes();
  }

  /** Whether a loop has left waiting for its cluster's first answer: before that it makes no turns. */
  began(name: LoopName): boolean {
    return this.#began.has(name);
  }

  /** Runs until `signal`, or rejects with what ended it: the lease, a fence, a wrong cluster. */
  async run(signal: AbortSignal): Promise<void> {
    const { current, lease, clock, observer } = this.#parts;
    const config = current();
    /** The region goes on serving and applying when the primary is gone: only what needs the primary waits for it. */
    const primary = Promise.withResolvers<void>();
    primary.promise.catch(() => undefined);
    const regional = Promise.withResolvers<void>();
    regional.promise.catch(() => undefined);
    /** The division among shards is the configured one, and no shard of another one writes. */
    const divided = Promise.withResolvers<void>();
    divided.promise.catch(() => undefined);
    const loops: ((signals: StopSignals) => Promise<void>)[] = [
      async ({ stop }) => {
        try {
          await connectCluster(this.#primary, 'primary', this.#parts, stop);
          this.#primaryConnected = true;
          primary.resolve();
        } catch (error) {
          primary.reject(error);
          if (!stop.aborted) throw error;
        }
      },
      async ({ stop }) => {
        try {
          await connectCluster(this.#writer, 'regional', this.#parts, stop);
          await connectCluster(this.#reader, 'regional', this.#parts, stop);
          regional.resolve();
        } catch (error) {
          regional.reject(error);
          if (!stop.aborted) throw error;
        }
      },
      async ({ stop }) => {
        try {
          await regional.promise;
          await patiently(
            () => this.#settleShards(stop),
            () => undefined,
            clock,
            stop,
          );
          divided.resolve();
        } catch (error) {
          divided.reject(error);
          if (!stop.aborted) throw error;
        }
      },
      async ({ stop, hard }) => {
        await Promise.all([primary.promise, divided.promise]);
        this.#began.add('mirror');
        await this.#stages.runMirror(this.#gate, stop, hard);
      },
      async ({ stop, hard }) => {
        await divided.promise;
        this.#began.add('apply');
        await this.#stages.apply.run(stop, hard);
      },
      async ({ stop }) => {
        await regional.promise;
        this.#began.add('lag');
        await untilStopped(this.lag.run(stop), stop);
      },
      async ({ stop }) => {
        await primary.promise;
        this.#began.add('heartbeats');
        await untilStopped(this.heartbeats?.run(stop), stop);
      },
      async ({ stop }) => {
        await Promise.all([primary.promise, regional.promise]);
        await untilStopped(this.#wayBack?.run(stop), stop);
      },
      async ({ stop }) => await untilStopped(this.#carrySchemas(stop), stop),
      async ({ stop }) => {
        if (config.mirror.standby) await primary.promise;
        await untilStopped(this.#registries?.run(stop), stop);
      },
      async ({ stop }) => await untilStopped(tellCompatibility(this.#schema.registry, config, observer.observe, stop), stop),
      async ({ stop }) => await untilStopped(this.own?.offsets.run(stop), stop),
      async ({ stop }) => {
        await regional.promise;
        await untilStopped(this.#lostDeletes.run(stop), stop);
      },
      async ({ stop }) => await untilStopped(this.keptCounts.run(stop), stop),
      async ({ stop }) => {
        await regional.promise;
        await untilStopped(this.#publishRejected(stop), stop);
      },
      async ({ stop }) => {
        await regional.promise;
        await untilStopped(this.#retryLateSchemas(stop), stop);
      },
      async ({ stop }) => await untilStopped(this.#stages.readBack.run(stop), stop),
      async ({ stop }) => await this.#schedule.run(stop),
      async ({ stop }) => {
        await regional.promise;
        await untilStopped(this.#shadow?.run(stop), stop);
      },
      async ({ stop }) => {
        await regional.promise;
        await untilStopped(this.#audit?.run(stop), stop);
      },
      async ({ stop }) => {
        await regional.promise;
        await untilStopped(this.#backfill?.run(stop), stop);
      },
      async ({ stop }) => {
        await regional.promise;
        await untilStopped(this.#outbox?.run(stop), stop);
      },
      async ({ stop }) => {
        this.#began.add('cutover');
        await untilStopped(this.cutover.run(stop), stop);
      },
      async ({ stop }) => await untilStopped(this.#cutover.run(stop), stop),
      async ({ stop }) => {
        const lost = await Promise.race([lease.lost, aborted(stop)]);
        if (lost !== undefined) throw lost;
      },
    ];
    await superviseLoops(loops, signal, clock);
  }

  async #settleShards(signal: AbortSignal): Promise<void> {
    const { current, database, observer, lease } = this.#parts;
    const config = current();
    const { name: primary } = config.primary;
    const ids = { region: config.region, primary, transactionTimeoutMs: config.mirror.transactionTimeoutMs };
    await settleShards(
      {
        primary,
        shards: config.mirror.shards,
        ledger: shardLedger(database),
        fence: (shards, stop) => fenceShards(this.#writer, ids, shards, stop),
        observe: observer.observe,
      },
      signal,
    );
    // A shard that another daemon took before the change was announced has a later epoch, by which its positions would be kept from this one.
    if (config.mirror.shards === 1 && (await newestShardEpoch(database, signal)) >= lease.epoch)
      throw new FarshoreError(
        'lease_lost',
        'A shard was taken while the division was changed; the lease is taken anew, with a later epoch.',
      );
  }

  /** After credentials changed: connections are made anew, each when nothing is in flight on it. */
  renewConnections(): void {
    for (const cluster of [this.#primary, this.#reader, this.#writer]) cluster.renewConnections();
    this.#outbox?.renewConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { observer, shards } = this.#parts;
    observer.onTopics(() => shards?.noticeTopics());
    measureNeededAudits(this.#parts.metrics, []);
    await Promise.all([this.#primary.close(), this.#reader.close(), this.#writer.close()]);
  }
}

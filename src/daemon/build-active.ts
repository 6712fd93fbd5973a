import { KeptStarts } from '../kafka/kept-starts.ts';
import { logEnds } from '../kafka/offsets.ts';
import { regionalSource } from '../kafka/regional-source.ts';
import type { LagLoop } from '../lag/lag-loop.ts';
import type { LostDeletesLoop } from '../lag/lost-deletes-loop.ts';
import { describeTables } from '../postgres/tables.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { ActiveClusters } from './active-clusters.ts';
import type { ActiveParts } from './active-parts.ts';
import { type ActiveAudit, buildAudit } from './build-audit.ts';
import { type ActiveBackfill, buildBackfill } from './build-backfill.ts';
import { type BuiltCutover, buildCutover } from './build-cutover.ts';
import { buildLag, buildLostDeletes, lagSources } from './build-lag.ts';
import { type ActiveOutbox, activeOutboxStore, buildOutbox } from './build-outbox.ts';
import { type ActiveRejected, buildRejected } from './build-rejected.ts';
import { buildReplication, type Replication } from './build-replication.ts';
import { buildSchedule } from './build-schedule.ts';
import { type ActiveShadow, buildShadow } from './build-shadow.ts';
import { buildSteps } from './build-steps.ts';
import { buildWayBack, type WayBack } from './build-way-back.ts';
import { backfillMeasured, divergenceMeasured, shadowMeasured } from './gate-measurements.ts';
import { MirrorGate } from './mirror-gate.ts';
import { NeededAudits } from './needed-audits.ts';
import { type SchemaViewParts, schemaView } from './schema-view.ts';

/** An open transaction at the primary matters after minutes; to look for one each second was one in eighteen of an idle daemon's requests. */
const HOME_HIGH_MS = 5_000;

/** Memory kept for the answers of a backfill that reads a topic. */
const BACKFILL_FETCH_BYTES = 1024 * 1024;

/** All that runs while the lease of the region is held. What is undefined is not configured. */
export interface ActiveStages {
  readonly gate: MirrorGate;
  readonly replication: Replication;
  readonly schema: SchemaViewParts;
  readonly lag: LagLoop;
  readonly shadow: ActiveShadow | undefined;
  readonly neededAudits: NeededAudits;
  readonly lostDeletes: LostDeletesLoop;
  readonly rejected: ActiveRejected;
  readonly audit: ActiveAudit | undefined;
  readonly backfill: ActiveBackfill | undefined;
  readonly outbox: ActiveOutbox | undefined;
  readonly schedule: Schedule;
  readonly wayBack: WayBack | undefined;
  readonly cutover: BuiltCutover;
}

/** Builds all stages and lets them know of each other; nothing runs yet. */
export function buildActive(parts: ActiveParts, clusters: ActiveClusters): ActiveStages {
  const { current, database, observer, clock, shards: holder } = parts;
  const config = current();
  const { primaryConnected } = clusters;
  const gate = new MirrorGate();
  const homeElsewhere = () => gate.reason;
  const replication = buildReplication(parts, clusters, {
    gate,
    home: () => cutover.home(),
    noteRogueWrites: async (found, signal) => await audit?.stage.noteRogueWrites(found, signal),
  });
  const { decoders, visitRecords, registries, heartbeats, stages, tablesOf } = replication;
  const { mirror, apply, applied } = stages;
  const schema: SchemaViewParts = {
    config,
    apply: applied,
    decoders,
    registry: replication.registry,
    describe: (tables, signal) => describeTables(database, tables, signal),
  };
  const logs = { home: logEnds(clusters.primary), source: logEnds(clusters.reader) };
  const sources = lagSources({ ...logs, mirror, apply: applied, primaryConnected });
  const eachSecond = { home: KeptStarts.of(clusters.primary, clock, HOME_HIGH_MS), source: KeptStarts.of(clusters.reader, clock) };
  const lag = buildLag(parts, lagSources({ ...eachSecond, mirror, apply: applied, primaryConnected }));
  const shadow =
    parts.shadow !== undefined && config.shadow?.enabled === true
      ? buildShadow(parts, { front: parts.shadow, shadow: config.shadow, lagSources: sources, lag, decoders, visitRecords })
      : undefined;
  const neededAudits = new NeededAudits(clock);
  const mirroring = () => (gate.reason === undefined ? 'runs' : cutover.home() === 'region' ? 'home_here' : 'rests');
  const lostDeletes = buildLostDeletes(parts, clusters, { mirror, lag, primaryConnected, mirroring }, tablesOf, (audits) =>
    neededAudits.note(audits),
  );
  const rejected = buildRejected(parts, { reader: clusters.reader, decoders, apply, resting: homeElsewhere });
  const audit = buildAudit(parts, { lagSources: sources, lag, apply, rejected: rejected.store, homeElsewhere });
  const backfill = buildBackfill(parts, {
    lagSources: sources,
    lag,
    schema,
    source: regionalSource(clusters.writer, config.limits.maxDecompressedBytes, BACKFILL_FETCH_BYTES),
    decoders,
    visitRecords,
    homeElsewhere,
  });
  const outboxStore = activeOutboxStore(parts);
  const outbox = buildOutbox(parts, outboxStore);
  const schedule = buildSchedule(parts, clusters, {
    audit: audit?.stage,
    rejected: rejected.store,
    mirror,
    apply: applied,
    lag,
    primaryConnected,
  });
  observer.onTopics(() => {
    apply.noticeTopics();
    holder?.noticeTopics();
  });
  const steps = buildSteps(parts, {
    clusters,
    primaryConnected,
    gate,
    mirror,
    apply: applied,
    lagSources: sources,
    lag,
    audit,
    rejected: rejected.store,
    retryParked: rejected.retryParked,
    outbox: outboxStore,
    schemasNotBack: registries?.notBack,
  });
  const wayBack = buildWayBack(parts, clusters);
  const cutover = buildCutover(parts, {
    steps,
    gate,
    mirror,
    apply: applied,
    appliedTopics: new Set(config.apply.tables.map(({ topic }) => topic)),
    lag,
    heartbeats,
    keptCounts: rejected.counts,
    neededAudits: () => neededAudits.measured(),
    schema: (signal) => schemaView(schema, { topic: undefined, table: undefined }, signal),
    divergence: () => divergenceMeasured(audit?.stage),
    backfill: () => backfillMeasured(backfill?.stage),
    shadow: () => shadowMeasured(shadow?.stage, clock),
    ...(wayBack === undefined ? {} : { reversePath: () => wayBack.measured() }),
    ...(registries === undefined || config.mirror.standby ? {} : { registries: () => registries.measured() }),
  });
  return {
    gate,
    replication,
    schema,
    lag,
    shadow,
    neededAudits,
    lostDeletes,
    rejected,
    audit,
    backfill,
    outbox,
    schedule,
    wayBack,
    cutover,
  };
}

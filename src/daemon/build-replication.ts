import type { RegionalSource } from '../apply/contracts.ts';
import type { AuditStage } from '../audit/audit-stage.ts';
import type { AvroDecoders } from '../avro/decoders.ts';
import { recordVisitor } from '../kafka/batch/records.ts';
import { homeLog } from '../kafka/home-log.ts';
import { publishedHomes } from '../kafka/published-homes.ts';
import { regionalSource } from '../kafka/regional-source.ts';
import type { Heartbeats } from '../lag/heartbeats.ts';
import type { HomeLog } from '../mirror/contracts.ts';
import { schemasFirst } from '../mirror/schemas-first.ts';
import type { VisitRecords } from '../model/batch.ts';
import { REGION_LEASE } from '../postgres/lease-statements.ts';
import { stopLedger } from '../postgres/stop-ledger.ts';
import { topicLedger } from '../postgres/topic-ledger.ts';
import type { ActiveClusters } from './active-clusters.ts';
import type { ActiveParts } from './active-parts.ts';
import type { BuiltCutover } from './build-cutover.ts';
import { buildHeartbeats } from './build-heartbeats.ts';
import type { MirrorGate } from './mirror-gate.ts';
import { ownStages, type RegionStages, sharedStages } from './region-stages.ts';
import { buildRegionalSchemas, type RegionalSchemas, roleBesidePrimary, roleOfRegion } from './regional-schemas.ts';
import { type Schemas, schemas } from './schemas.ts';

/** Before records are fetched again whose schemas could not be carried. */
const SCHEMAS_AGAIN_MS = 1_000;

/** Of what is built later, and asked only once all runs. */
interface ReplicationNeeds {
  readonly gate: MirrorGate;
  readonly home: BuiltCutover['home'];
  readonly noteRogueWrites: (found: Parameters<AuditStage['noteRogueWrites']>[0], signal: AbortSignal) => Promise<void>;
}

/** The path of a record from the primary's Kafka into the region's tables, and what reads the same logs beside it. */
export interface Replication {
  readonly home: HomeLog;
  readonly source: RegionalSource;
  readonly decoders: AvroDecoders;
  readonly registry: Schemas['registry'];
  readonly visitRecords: VisitRecords;
  /** Undefined where the region has no registry of its own. */
  readonly registries: RegionalSchemas | undefined;
  /** Undefined where none are written. */
  readonly heartbeats: Heartbeats | undefined;
  readonly stages: RegionStages;
  /** Tables that a regional topic goes into. */
  tablesOf(topic: string): readonly string[];
  /** Carries schemas ahead of their records, and drops those whose ids stand for two texts (C22). */
  carrySchemas(signal: AbortSignal): Promise<void>;
}

export function buildReplication(parts: ActiveParts, clusters: ActiveClusters, needs: ReplicationNeeds): Replication {
  const { current, database, observer, clock, shards: holder } = parts;
  const config = current();
  const { maxDecompressedBytes } = config.limits;
  // Apply is far slower than a fetch: a larger answer would only lie in memory, three times while it is read. One feeds every connection.
  const applyFetchBytes = Math.min(config.mirror.maxCycleBytes, config.apply.maxBatchBytes);
  const registries = buildRegionalSchemas(parts, async (signal) =>
    config.mirror.standby ? await roleBesidePrimary(config, clusters.primary, signal) : roleOfRegion(needs.home()),
  );
  const home = buildHome(parts, clusters, registries);
  const source = regionalSource(clusters.reader, maxDecompressedBytes, applyFetchBytes);
  const lease = { name: REGION_LEASE, epoch: parts.lease.epoch };
  const stops = stopLedger(database, lease);
  const { decoders, carrier, conflicts, registry } = schemas(() => current().primary.registry, database, clock, observer.observe);
  const heartbeats = buildHeartbeats(parts, clusters.primary);
  const tablesOf = (topic: string) => [...new Set(config.apply.tables.flatMap((entry) => (entry.topic === topic ? [entry.table] : [])))];
  const visitRecords = recordVisitor(maxDecompressedBytes);
  const mirroring = {
    home,
    stops,
    ledger: topicLedger(database, lease),
    visitRecords,
    isApplied: (topic: string) => tablesOf(topic).length > 0,
  };
  const applying = {
    source,
    decoders,
    stops,
    visitRecords,
    onHeartbeat: (key: Buffer | null, value: Buffer | null) => heartbeats?.returned(key, value),
    keepRogueWrites: needs.noteRogueWrites,
    homes: { here: publishedHomes(clusters.reader), there: publishedHomes(clusters.primary) },
    maxFetchBytes: applyFetchBytes,
  };
  const stages =
    holder === undefined
      ? ownStages(parts, clusters, mirroring, applying)
      : sharedStages(parts, clusters, mirroring, applying, { holder, gate: needs.gate });
  return {
    home,
    source,
    decoders,
    registry,
    visitRecords,
    registries,
    heartbeats,
    stages,
    tablesOf,
    async carrySchemas(signal) {
      const everyMs = config.mirror.refreshSeconds * 1_000;
      // A shard's worker can be the one that meets the second text, so the leader looks as well.
      await Promise.all([carrier?.run(everyMs, clock, signal), conflicts.run(everyMs, clock, signal)]);
    },
  };
}

/** The home's log; beside the primary, records come after the schemas that they name. */
function buildHome(
  { current, clock }: ActiveParts,
  clusters: Pick<ActiveClusters, 'primary'>,
  registries: RegionalSchemas | undefined,
): HomeLog {
  const { limits, mirror, primary } = current();
  // Kept is what is given back before it is taken again: one cycle, while the mirror holds the next, and one answer of apply's.
  const plainHome = homeLog(clusters.primary, limits.maxDecompressedBytes, mirror.maxCycleBytes);
  if (registries === undefined || !mirror.standby) return plainHome;
  return schemasFirst(plainHome, {
    carry: registries.carry,
    needsSchemas: (topic) => topic !== primary.heartbeat.topic,
    pause: (signal) => clock.sleep(SCHEMAS_AGAIN_MS, signal),
  });
}

import type { ApplyStage } from '../apply/apply-stage.ts';
import { tableNameOf } from '../apply/table-entry.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { EpochBegin, PrimaryWriters, StepParts } from '../cutover/step-contracts.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { homePublisher } from '../kafka/home-publisher.ts';
import { positionGroup } from '../kafka/regional-log.ts';
import { readPositions } from '../kafka/regional-log-positions.ts';
import type { LagSources } from '../lag/contracts.ts';
import type { LagLoop } from '../lag/lag-loop.ts';
import type { PublishedBegin } from '../mirror/contracts.ts';
import type { MirrorStage } from '../mirror/mirror-stage.ts';
import type { LossBound } from '../model/cutover.ts';
import { FarshoreError } from '../model/errors.ts';
import { offsetValue } from '../model/offsets.ts';
import type { RetryCounts } from '../model/rejected.ts';
import type { TableName } from '../model/sql-name.ts';
import { matchesTopics } from '../model/topic-patterns.ts';
import type { OutboxStore } from '../outbox/contracts.ts';
import type { Database } from '../postgres/database.ts';
import { primaryWriters } from '../postgres/primary-writers.ts';
import { regionWriters } from '../postgres/region-writers.ts';
import { loadTopics } from '../postgres/topic-ledger.ts';
import type { RejectedStore } from '../rejected/contracts.ts';
import type { ActiveParts } from './active-parts.ts';
import type { ActiveAudit } from './build-audit.ts';
import { buildCopies } from './build-copies.ts';
import { buildDigest } from './build-digest.ts';
import { primaryAdminDatabase } from './database.ts';
import type { MirrorGate } from './mirror-gate.ts';
import { movingLogs, movingTopics } from './moving-logs.ts';
import { creator } from './regional-admin.ts';

export interface StepSources {
  readonly clusters: { readonly primary: KafkaCluster; readonly reader: KafkaCluster; readonly writer: KafkaCluster };
  readonly primaryConnected: () => boolean;
  readonly gate: MirrorGate;
  readonly mirror: Pick<MirrorStage, 'progress' | 'status'>;
  readonly apply: Pick<ApplyStage, 'statuses'>;
  /** Each parked record once, whoever applies its partition. */
  readonly retryParked: (signal: AbortSignal) => Promise<RetryCounts>;
  readonly lagSources: LagSources;
  readonly lag: Pick<LagLoop, 'snapshot'>;
  readonly audit: ActiveAudit | undefined;
  readonly rejected: Pick<RejectedStore, 'counts'>;
  readonly outbox: Pick<OutboxStore, 'backlog'>;
  /** Schemas that were registered here and are not at the primary; undefined where the region has no registry of its own. */
  readonly schemasNotBack: ((signal: AbortSignal) => Promise<readonly string[]>) | undefined;
}

export interface BuiltSteps {
  readonly parts: StepParts;
  /** Where the region stands, as far as it is known without the primary. */
  lossBound(signal: AbortSignal): Promise<LossBound>;
  renewConnections(): void;
  close(): Promise<void>;
}

/** The tables at the primary that its writers write to. */
export const frozenTables = ({ apply, cutover }: FarshoreConfig): readonly TableName[] => {
  const named = cutover.freeze?.tables?.map((table) => tableNameOf({ topic: table, table }));
  const tables = named ?? apply.tables.map(({ topic, table, source }) => tableNameOf({ topic, table: source?.table ?? table }));
  return [...new Map(tables.map((table) => [`${table.schema}.${table.table}`, table])).values()];
};

/** A topic that the step did not see began no epoch anywhere. */
const begin = ({ offsets, topicIds }: EpochBegin, topic: string): PublishedBegin | undefined =>
  offsets[topic] === undefined ? undefined : { fromOffsets: offsets[topic], topicId: topicIds[topic] };

/** What the steps of a cutover act on. */
export function buildSteps(active: ActiveParts, sources: StepSources): BuiltSteps {
  const { current, database, clock } = active;
  const config = current();
  const { primary, writer, reader } = sources.clusters;
  const { freeze, firstHop } = config.cutover;
  const admin =
    config.cutover.primaryDatabase === undefined ? undefined : primaryAdminDatabase(() => current().cutover.primaryDatabase!, clock);
  const topics = async (signal: AbortSignal) => movingTopics(current(), await loadTopics(database, signal));
  const matches = (topic: string) => matchesTopics(current().mirror.topics, current().mirror.exclude, topic);
  const writers: PrimaryWriters | undefined =
    admin === undefined || freeze === undefined ? undefined : primaryWriters(admin, { ...freeze, tables: frozenTables(config) });
  const publishInRegion = homePublisher(writer, creator(writer, config.mirror.replicationFactor));
  const publishAtPrimary = homePublisher(primary, creator(primary, undefined));
  const regionalTables = config.apply.tables.map(({ topic, table }) => tableNameOf({ topic, table }));
  return {
    parts: {
      primaryWriters: writers,
      regionWriters: regionWriters(database, regionalTables),
      firstHop: {
        unpublishedAtPrimary: async (signal) =>
          firstHop.unpublishedQuery === undefined ? null : await unpublished(admin, firstHop.unpublishedQuery, signal),
        unpublishedOutbox: async (signal) => (config.outbox.enabled ? BigInt((await sources.outbox.backlog(signal)).unpublished) : null),
      },
      logs: movingLogs({ region: config.region, primary, reader, primaryConnected: sources.primaryConnected, topics, matches }),
      copies: buildCopies(active, sources, topics),
      digest:
        sources.audit === undefined
          ? undefined
          : buildDigest(sources.audit, database, { newestKeys: config.cutover.digestKeys, rowsPerRange: config.audit.rowsPerRange }),
      homes: {
        async atPrimary(home, epoch, from, signal) {
          // A daemon that may write nothing there does not beat there either.
          if (!config.primary.heartbeat.enabled) return 'not_allowed';
          for (const { regional, home: topic } of await topics(signal))
            await publishAtPrimary.publish(topic, home, epoch, signal, begin(from, regional));
          return 'published';
        },
        async inRegion(home, epoch, from, signal) {
          for (const { regional } of await topics(signal))
            await publishInRegion.publish(regional, home, epoch, signal, begin(from, regional));
        },
      },
    },
    async lossBound(signal) {
      const ends = new Map([...sources.mirror.status()].map(({ topic, partition, status }) => [`${topic}:${partition}`, status.end]));
      const lags = sources.lag.snapshot().partitions.map(({ lag }) => (lag.total ?? lag.mirror).seconds);
      const moving = await topics(signal);
      const group = positionGroup(config.region, config.primary.name);
      const positions = await readPositions(
        writer,
        group,
        moving.map(({ regional }) => regional),
        signal,
      );
      return {
        lagSeconds: lags.length === 0 || lags.includes(null) ? null : Math.max(...lags.map(Number)),
        partitions: moving.flatMap(({ regional, record }) =>
          Array.from({ length: record.partitions }, (_, partition) => {
            const position = positions.get(regional)?.find((one) => one.partition === partition);
            return {
              topic: regional,
              partition,
              mirrored: position === undefined ? null : String(offsetValue(position.next)),
              end: ends.get(`${regional}:${partition}`) ?? null,
            };
          }),
        ),
      };
    },
    renewConnections: () => void admin?.refresh(),
    close: async () => await admin?.close(),
  };

  async function unpublished(asked: Database | undefined, text: string, signal: AbortSignal): Promise<bigint> {
    if (asked === undefined)
      throw new FarshoreError('request_invalid', 'cutover.primaryDatabase is not set', { place: 'cutover.firstHop' });
    const [row] = (await asked.query({ text, values: [] }, signal)).rows;
    const [value] = Object.values(row ?? {});
    if (typeof value !== 'string' || !/^\d+$/.test(value)) {
      throw new FarshoreError('request_invalid', 'The query did not answer one whole number', {
        place: 'cutover.firstHop.unpublishedQuery',
        hint: 'It should be like: select count(*) from outbox where published_at is null',
      });
    }
    return BigInt(value);
  }
}

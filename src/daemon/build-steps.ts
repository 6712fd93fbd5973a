import type { ApplyStage } from '../apply/apply-stage.ts';
import { tableNameOf } from '../apply/table-entry.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { Offsets, PrimaryWriters, StepParts } from '../cutover/step-contracts.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { fenceShards } from '../kafka/fence-shards.ts';
import { homePublisher } from '../kafka/home-publisher.ts';
import { positionGroup, regionalLog } from '../kafka/regional-log.ts';
import { readPositions } from '../kafka/regional-log-positions.ts';
import type { LagSources } from '../lag/contracts.ts';
import { EndsPassed } from '../lag/ends-passed.ts';
import type { LagLoop } from '../lag/lag-loop.ts';
import type { MirrorStage } from '../mirror/mirror-stage.ts';
import { keptEnd } from '../mirror/offset-keeper.ts';
import { carriedTo } from '../mirror/old-position.ts';
import type { LossBound } from '../model/cutover.ts';
import { FarshoreError } from '../model/errors.ts';
import { homeOffset, offsetValue } from '../model/offsets.ts';
import type { RetryCounts } from '../model/rejected.ts';
import type { TableName } from '../model/sql-name.ts';
import type { StageStatus } from '../model/status.ts';
import { matchesTopics } from '../model/topic-patterns.ts';
import type { OutboxStore } from '../outbox/contracts.ts';
import { appliedBack } from '../postgres/applied-back.ts';
import type { Database } from '../postgres/database.ts';
import { offsetStore } from '../postgres/offset-store.ts';
import { applyPositions } from '../postgres/positions.ts';
import { primaryWriters } from '../postgres/primary-writers.ts';
import { regionWriters } from '../postgres/region-writers.ts';
import { readStops } from '../postgres/stop-ledger.ts';
import { loadTopics } from '../postgres/topic-ledger.ts';
import type { RejectedStore } from '../rejected/contracts.ts';
import type { ActiveParts } from './active-parts.ts';
import type { ActiveAudit } from './build-audit.ts';
import { buildDigest } from './build-digest.ts';
import { primaryAdminDatabase } from './database.ts';
import type { MirrorGate } from './mirror-gate.ts';
import { movingLogs, movingTopics } from './moving-logs.ts';
import { creator, regionalAdmin } from './regional-admin.ts';

const PASSED_EVERY_MS = 100;
const PASSED_LIMIT_MS = 5_000;
/** A mirror that does not end its transaction by then waits for brokers that do not answer. */
const MIRROR_ENDS_MS = 20_000;

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
      logs: movingLogs({ primary, reader, primaryConnected: sources.primaryConnected, topics, matches }),
      copies: copies(active, sources, topics),
      digest:
        sources.audit === undefined
          ? undefined
          : buildDigest(sources.audit, database, { newestKeys: config.cutover.digestKeys, rowsPerRange: config.audit.rowsPerRange }),
      homes: {
        async atPrimary(home, epoch, from, signal) {
          // A daemon that may write nothing there does not beat there either.
          if (!config.primary.heartbeat.enabled) return 'not_allowed';
          for (const topic of await topics(signal)) await publishAtPrimary.publish(topic.home, home, epoch, signal, from[topic.regional]);
          return 'published';
        },
        async inRegion(home, epoch, from, signal) {
          for (const { regional } of await topics(signal)) await publishInRegion.publish(regional, home, epoch, signal, from[regional]);
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

function copies(
  { current, database, lease, clock }: ActiveParts,
  { clusters, gate, mirror, apply, audit, lagSources, rejected, retryParked, schemasNotBack }: StepSources,
  topics: (signal: AbortSignal) => Promise<ReturnType<typeof movingTopics>>,
): StepParts['copies'] {
  const config = current();
  const { region, primary } = config;
  const { transactionTimeoutMs, shards } = config.mirror;
  const numbers = Array.from({ length: shards }, (_, shard) => shard);
  const ends = new EndsPassed(
    lagSources,
    { topics: new Set(config.apply.tables.map(({ topic }) => topic)), everyMs: PASSED_EVERY_MS, limitMs: PASSED_LIMIT_MS },
    clock,
  );
  const behind = (wanted: Offsets, at: (topic: string, partition: number) => bigint | undefined): readonly string[] =>
    Object.entries(wanted).flatMap(([topic, partitions]) =>
      Object.entries(partitions).flatMap(([partition, end]) => {
        const next = at(topic, Number(partition));
        return next !== undefined && next >= BigInt(end)
          ? []
          : [`${topic}:${partition} is at ${next ?? 'no position'}, and ends at ${end}`];
      }),
    );
  const parkedNow = async (signal: AbortSignal): Promise<number> =>
    (await rejected.counts(signal)).reduce((sum, count) => sum + count.parked, 0);
  const moves = ({ topic }: { readonly topic: string }): boolean => !topic.startsWith('farshore.');
  const notRunning = (stage: string, statuses: Iterable<{ topic: string; partition: number; status: StageStatus }>): readonly string[] =>
    [...statuses]
      .filter((one) => moves(one) && one.status.state !== 'running')
      .map(({ topic, partition, status }) => `${stage} of ${topic}:${partition} is ${status.state}`);
  return {
    passed: (signal) => ends.passed(signal, signal),
    notMirrored(wanted) {
      const next = new Map([...mirror.progress()].map((one) => [`${one.topic}:${one.partition}`, one.next]));
      return behind(wanted, (topic, partition) => {
        const offset = next.get(`${topic}:${partition}`);
        return offset === undefined ? undefined : offsetValue(offset);
      });
    },
    async notCarriedBack(wanted, signal) {
      if (Object.values(wanted).every((partitions) => Object.keys(partitions).length === 0)) return [];
      const moving = await topics(signal);
      const group = positionGroup(primary.name, region);
      const positions = await readPositions(
        clusters.primary,
        group,
        moving.map(({ home }) => home),
        signal,
      );
      const nameAtHome = new Map(moving.map(({ regional, home }) => [regional, home]));
      const schemas = (await schemasNotBack?.(signal)) ?? [];
      const records = behind(wanted, (topic, partition) => {
        const position = positions.get(nameAtHome.get(topic) ?? topic)?.find((one) => one.partition === partition);
        return position === undefined ? undefined : offsetValue(position.next);
      });
      return [...schemas, ...records];
    },
    async notAppliedBack(wanted, homeEpoch, signal) {
      // Without it the last digest refuses the move, whatever is answered here.
      if (audit === undefined) return [];
      const applied = new Set(config.apply.tables.map(({ topic }) => topic));
      const nameAtHome = new Map((await topics(signal)).map(({ regional, home }) => [regional, home]));
      // The high watermark: where the transaction that carried it has no marker in the log yet, the last stable offset lies before its records.
      const ends = wanted
        .filter(({ topic }) => applied.has(topic))
        .map(({ topic, partition, highWatermark }) => ({ topic: nameAtHome.get(topic) ?? topic, partition, end: highWatermark }));
      return await appliedBack(audit.primary).notApplied(ends, homeEpoch, signal);
    },
    async appliedHere(signal) {
      const applied = new Set(config.apply.tables.map(({ topic }) => topic));
      const [positions, stops] = await Promise.all([
        applyPositions(database).ofTopics([...applied], signal),
        readStops(database, 'apply', signal),
      ]);
      const next = new Map(positions.map((one) => [`${one.topic}:${one.partition}`, offsetValue(one.next)]));
      const stands = new Map(stops.map((stop) => [`${stop.topic}:${stop.partition}`, stop]));
      const places = new Map([...positions, ...stops].map(({ topic, partition }) => [`${topic}:${partition}`, { topic, partition }]));
      return {
        topics: applied,
        partitions: [...places].map(([place, one]) => ({ ...one, next: next.get(place), stands: stands.get(place) })),
      };
    },
    async tryParked(signal) {
      const before = await parkedNow(signal);
      if (before === 0) return { applied: 0, parked: 0 };
      const { applied, superseded } = await retryParked(signal);
      return { applied: applied + superseded, parked: await parkedNow(signal) };
    },
    async waiting(signal) {
      const parked = await parkedNow(signal);
      return [
        ...(parked > 0 ? [`${parked} records are parked`] : []),
        ...(gate.reason === undefined ? notRunning('mirror', mirror.status()) : []),
        ...notRunning('apply', apply.statuses()),
      ];
    },
    async fenceForward(signal) {
      // The step was stored as started, and with that the gate is shut.
      if (gate.reason === undefined) throw new FarshoreError('internal', 'The mirror may still run while it is to be fenced');
      const waited = new AbortController();
      const late = clock.sleep(MIRROR_ENDS_MS, AbortSignal.any([signal, waited.signal])).then(() => {
        throw new FarshoreError('broker_request_failed', 'The mirror has not ended its last transaction yet');
      });
      try {
        await Promise.race([gate.ended(), late]);
      } finally {
        waited.abort();
        late.catch(() => undefined);
      }
      await lease.check(signal);
      await fenceShards(clusters.writer, { region, primary: primary.name, transactionTimeoutMs }, numbers, signal);
    },
    async fenceBack(signal) {
      await lease.check(signal);
      await fenceShards(clusters.primary, { region: primary.name, primary: region, transactionTimeoutMs }, numbers, signal);
    },
    async startForwardAt(wanted, signal) {
      await lease.check(signal);
      const log = regionalLog(
        clusters.writer,
        { region, primary: primary.name, shard: 0, transactionTimeoutMs },
        regionalAdmin(clusters.writer, config.mirror.replicationFactor),
      );
      await log.open(signal);
      const moving = await topics(signal);
      const names = moving.map(({ regional }) => regional);
      const before = await log.positions(names, signal);
      const lists = await offsetStore(database, lease.epoch).load(names, signal);
      const keptOf = (topic: string, partition: number) => keptEnd(lists.find((one) => one.topic === topic && one.partition === partition));
      const positions = moving.flatMap(({ regional, record }) =>
        Object.entries(wanted[regional] ?? {}).map(([partition, end]) => ({
          topic: regional,
          partition: Number(partition),
          topicId: record.homeTopicId,
          // The batch before it was written by the mirror of the other direction: there is nothing to prove it by.
          leaderEpoch: -1,
          crc: undefined,
          next: homeOffset(BigInt(end)),
          regionalEnd: carriedTo(
            before.get(regional)?.find((one) => one.partition === Number(partition)),
            keptOf(regional, Number(partition)),
            record.homeTopicId,
          ),
        })),
      );
      await log.commit({ writes: [], positions }, signal);
    },
  };
}

import { ApplyStage } from '../apply/apply-stage.ts';
import { SharedByteBudget } from '../apply/byte-budget.ts';
import type { ApplyDependencies } from '../apply/dependencies.ts';
import { ReadBack, type ReadBackParts } from '../apply/read-back.ts';
import type { Slots } from '../apply/slots.ts';
import { toExactJson } from '../avro/json.ts';
import type { FarshoreConfig } from '../config/config.ts';
import { topicConfigs } from '../kafka/admin.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { heartbeatRoute } from '../mirror/routes.ts';
import { isCompacted } from '../mirror/topic-configs.ts';
import { arrayLiteral } from '../postgres/array-literal.ts';
import { refusalOf } from '../postgres/driver-error.ts';
import { parkedStore } from '../postgres/parked-store.ts';
import { movePositionTo } from '../postgres/position-move.ts';
import { applyPositions } from '../postgres/positions.ts';
import { createTable, describeTables, executeDdl } from '../postgres/tables.ts';
import { TextColumn } from '../postgres/text-column.ts';
import { topicOrders } from '../postgres/topic-orders.ts';
import { type HomesOfBoth, ordersBesidePrimary } from './orders-beside-primary.ts';
import type { StageParts } from './stage-parts.ts';

export interface ApplyParts extends Pick<ApplyDependencies, 'source' | 'decoders' | 'stops' | 'visitRecords' | 'onHeartbeat'> {
  readonly keepRogueWrites: ReadBackParts['keep'];
  readonly homes: HomesOfBoth;
  /** Of one fetch of all partitions. */
  readonly maxFetchBytes: number;
}

/** One of several that share what is applied. */
export interface ApplyPart {
  readonly owns: (topic: string, partition: number) => boolean;
  /** Whether the heartbeats are among it. */
  readonly heartbeats: boolean;
  /** What all parts of the daemon together may hold, and how many may write at a time. */
  readonly budget: SharedByteBudget;
  readonly slots: Slots;
}

/** Mirror holds at most two cycles: one read, one in its transaction. What is left of the limit is apply's. */
export const applyBudget = ({ apply, limits, mirror }: FarshoreConfig): SharedByteBudget =>
  new SharedByteBudget(Math.max(apply.maxBatchBytes, limits.bufferBytes - 2 * mirror.maxCycleBytes));

/** The apply stage, and what it may hold in memory. */
export function buildApply(
  { current, database, lease, observer, clock, failpoints }: StageParts,
  reader: KafkaCluster,
  { source, decoders, stops, visitRecords, onHeartbeat, keepRogueWrites, homes, maxFetchBytes }: ApplyParts,
  part: ApplyPart | undefined = undefined,
): { readonly apply: ApplyStage; readonly budget: SharedByteBudget; readonly readBack: ReadBack } {
  const config = current();
  const { heartbeat } = config.primary;
  const { observe } = observer;
  const isHeard = heartbeat.enabled && (part?.heartbeats ?? true);
  const heartbeatTopic = isHeard ? heartbeatRoute(heartbeat.topic, config.primary.name).regional : undefined;
  const budget = part?.budget ?? applyBudget(config);
  const readBack = new ReadBack(
    { database, observe, clock, random: Math.random, keep: keepRogueWrites },
    { rows: config.apply.readBack.rows, everyMs: config.apply.readBack.everySeconds * 1_000 },
  );
  const orders = topicOrders(database, config.region);
  const apply = new ApplyStage(
    {
      source,
      compactedTopics: async (topics, signal) => {
        const configs = await topicConfigs(reader, topics, signal);
        return new Set(topics.filter((topic) => isCompacted(configs.get(topic) ?? new Map())));
      },
      orders: config.mirror.standby ? ordersBesidePrimary(orders, homes, config.region, clock) : orders,
      positions: applyPositions(database),
      movePosition: (move, signal) => movePositionTo(database, { ...move, region: config.region, standby: config.mirror.standby }, signal),
      database,
      decoders,
      tables: {
        describe: (tables, signal) => describeTables(database, tables, signal),
        create: (table, statements, signal) => createTable(database, table, statements, signal),
        execute: (statements, signal) => executeDdl(database, statements, signal),
      },
      stops,
      parked: parkedStore(database, config.region),
      visitRecords,
      arrayText: (expected) => new TextColumn(expected),
      arrayLiteral,
      exactJson: toExactJson,
      refusalOf,
      budget,
      slots: part?.slots,
      observe,
      clock,
      random: Math.random,
      onHeartbeat,
      onWritten: (folds) => readBack.offer(folds),
      onStep: failpoints?.apply,
    },
    {
      region: config.region,
      epoch: lease.epoch,
      owns: part?.owns,
      entries: config.apply.tables,
      schema: config.apply.schema,
      heartbeatTopic,
      rejectBudget: config.rejected.budget,
      parkLimits: config.parked,
      connections: config.apply.connections,
      maxBatchRecords: config.apply.maxBatchRecords,
      maxBatchBytes: config.apply.maxBatchBytes,
      maxPartitionFetchBytes: Math.min(config.mirror.maxPartitionFetchBytes, Math.ceil(maxFetchBytes / config.apply.connections)),
      maxFetchBytes,
      fetchMaxWaitMs: config.mirror.fetchMaxWaitMs,
      refreshMs: config.mirror.refreshSeconds * 1_000,
    },
  );

  return { apply, budget, readBack };
}

import type { ApplyStage } from '../apply/apply-stage.ts';
import type { RecordDecoder } from '../apply/contracts.ts';
import type { ReadBack } from '../apply/read-back.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { positionGroup } from '../kafka/regional-log.ts';
import type { ApplyProgress, MirrorProgress } from '../lag/contracts.ts';
import type { MirrorStage } from '../mirror/mirror-stage.ts';
import type { OffsetKeeper } from '../mirror/offset-keeper.ts';
import { heartbeatRoute } from '../mirror/routes.ts';
import type { TopicGaps } from '../mirror/topic-refresh.ts';
import type { StageStatus } from '../model/status.ts';
import { type ApplyParts, buildApply } from './build-apply.ts';
import { buildMirror, buildTopicKeeper, type MirrorParts } from './build-mirror.ts';
import type { MirrorGate } from './mirror-gate.ts';
import { readRegion } from './read-region.ts';
import type { ShardHolder } from './shard-holder.ts';
import { SharedRegion } from './shared-region.ts';
import type { StageParts } from './stage-parts.ts';
import { wholeApply } from './whole-apply.ts';

type Statuses = Iterable<{ readonly topic: string; readonly partition: number; readonly status: StageStatus }>;

/** Mirror of the whole region, as what exists once in it sees it. */
export interface RegionMirror {
  readonly lastTurnMs: number;
  readonly gaps: TopicGaps | undefined;
  status(): Iterable<{ readonly topic: string; readonly homeTopic: string; readonly partition: number; readonly status: StageStatus }>;
  progress(): Iterable<MirrorProgress>;
}

/** Apply of the whole region. */
export interface RegionApply {
  readonly lastTurnMs: number;
  statuses(): Statuses;
  progress(): Iterable<ApplyProgress>;
  tables(): ReturnType<ApplyStage['tables']>;
  metSchemas(topic: string): readonly RecordDecoder[];
}

/** Mirror and apply, and what the daemon with the region's lease knows of both, whether it does all of the work itself or shares it. */
export interface RegionStages {
  readonly mirror: RegionMirror;
  readonly applied: RegionApply;
  /** Tries kept records of any partition, and applies what is the leader's own: everything, or the heartbeats. */
  readonly apply: ApplyStage;
  readonly readBack: ReadBack;
  readonly bufferedBytes: () => number;
  /** Who works on which shard. */
  readonly holders: () => readonly { readonly shard: number; readonly holder: string }[];
  /** Undefined where shards do the mirroring. */
  readonly own: { readonly mirror: MirrorStage; readonly offsets: OffsetKeeper } | undefined;
  runMirror(gate: MirrorGate, stop: AbortSignal, hard: AbortSignal): Promise<void>;
}

interface Clusters {
  readonly primary: KafkaCluster;
  readonly reader: KafkaCluster;
  readonly writer: KafkaCluster;
}

/** Regional names of all topics that are applied, heartbeats among them. */
function appliedTopics({ apply, primary }: FarshoreConfig): {
  readonly applied: ReadonlySet<string>;
  readonly heartbeatTopic: string | undefined;
} {
  const { heartbeat, name } = primary;
  const heartbeatTopic = heartbeat.enabled ? heartbeatRoute(heartbeat.topic, name).regional : undefined;
  return {
    applied: new Set([...apply.tables.map(({ topic }) => topic), ...(heartbeatTopic === undefined ? [] : [heartbeatTopic])]),
    heartbeatTopic,
  };
}

/** One daemon does it all. */
export function ownStages(stage: StageParts, clusters: Clusters, mirroring: MirrorParts, applying: ApplyParts): RegionStages {
  const { offsets, mirror } = buildMirror(stage, clusters, mirroring);
  const { apply, budget, readBack } = buildApply(stage, clusters.reader, applying);
  return {
    mirror,
    applied: wholeApply(apply, () => mirror.places(), appliedTopics(stage.current()).applied),
    apply,
    readBack,
    bufferedBytes: () => budget.limit - budget.free,
    holders: () => [],
    own: { mirror, offsets },
    runMirror: (gate, stop, hard) => gate.run(mirror, stop, hard),
  };
}

/** Shards do it, here and in other daemons; the leader keeps the topics and reads where all stand. */
export function sharedStages(
  stage: StageParts,
  clusters: Clusters,
  mirroring: MirrorParts,
  applying: ApplyParts,
  { holder, gate }: { readonly holder: ShardHolder; readonly gate: MirrorGate },
): RegionStages {
  const config = stage.current();
  const { applied, heartbeatTopic } = appliedTopics(config);
  const keeper = buildTopicKeeper(stage, clusters, mirroring);
  const { apply, readBack } = buildApply(stage, clusters.reader, applying, {
    owns: (topic) => topic === heartbeatTopic,
    heartbeats: true,
    budget: holder.budget,
    slots: holder.slots,
  });
  const group = positionGroup(config.region, config.primary.name);
  const region = new SharedRegion({
    read: (topics, signal) => readRegion({ database: stage.database, reader: clusters.reader, group, applied }, topics, signal),
    shards: config.mirror.shards,
    keeper,
    applied,
    heartbeatTopic,
    resting: () => gate.reason,
    observe: stage.observer.observe,
    clock: stage.clock,
  });
  return {
    mirror: {
      get lastTurnMs() {
        return keeper.lastTurnMs;
      },
      get gaps() {
        return gate.reason === undefined ? keeper.gaps : undefined;
      },
      status: () => region.mirrorStatuses(),
      progress: () => region.mirrorProgress(),
    },
    applied: {
      get lastTurnMs() {
        return apply.lastTurnMs;
      },
      statuses: () => region.applyStatuses(),
      progress: () => region.applyProgress(),
      tables: () => tablesOf(apply, region),
      metSchemas: (topic) => holder.metSchemas(topic),
    },
    apply,
    readBack,
    bufferedBytes: () => holder.bufferedBytes,
    holders: () => region.holders,
    own: undefined,
    runMirror: async (_gate, stop) => {
      await Promise.all([keeper.run(stop), region.run(stop)]);
    },
  };
}

/** A table stands still where a partition of its topic does, whoever holds that. */
function* tablesOf(apply: ApplyStage, region: SharedRegion): ReturnType<ApplyStage['tables']> {
  const stopped = new Map(
    [...region.applyStatuses()].flatMap(({ topic, status }) => (status.state === 'stopped' ? [[topic, status.message]] : [])),
  );
  for (const table of apply.tables())
    yield stopped.has(table.topic) ? { ...table, state: 'stopped', reason: stopped.get(table.topic) ?? null } : table;
}

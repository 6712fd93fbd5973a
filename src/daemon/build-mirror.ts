import { compress } from '../kafka/batch/codecs.ts';
import { reencoder } from '../kafka/batch/reencode.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { homePublisher } from '../kafka/home-publisher.ts';
import { publishedHomes } from '../kafka/published-homes.ts';
import { positionGroup, regionalLog } from '../kafka/regional-log.ts';
import { readPositions } from '../kafka/regional-log-positions.ts';
import type { HomeLog, RegionalLog, StopLedger, TopicLedger } from '../mirror/contracts.ts';
import { LEAST_CYCLE_BYTES } from '../mirror/cycle-bytes.ts';
import type { MirrorDependencies, MirrorSettings, MirrorShare } from '../mirror/dependencies.ts';
import { MirrorStage } from '../mirror/mirror-stage.ts';
import { OffsetKeeper } from '../mirror/offset-keeper.ts';
import type { KeptEnds } from '../mirror/old-position.ts';
import { TopicKeeper } from '../mirror/topic-keeper.ts';
import type { VisitRecords } from '../model/batch.ts';
import { offsetStore } from '../postgres/offset-store.ts';
import { creator, regionalAdmin } from './regional-admin.ts';
import type { StageParts } from './stage-parts.ts';

/** While there is a backlog, so much later a record can be read at most, beside the cycle that was taken in last. */
const TAKES_IN_MS = 250;

interface MirrorClusters {
  readonly primary: KafkaCluster;
  readonly writer: KafkaCluster;
}

export interface MirrorParts {
  readonly home: HomeLog;
  readonly stops: StopLedger;
  readonly ledger: TopicLedger;
  readonly visitRecords: VisitRecords;
  /** Of the regional topic; undefined where none is applied. */
  readonly isApplied: (topic: string) => boolean;
}

/** One of several that share the mirror. */
export interface MirrorPart {
  readonly shard: number;
  readonly share: MirrorShare;
  /** Bytes of one cycle. */
  readonly maxCycleBytes: number;
  /** Around what opens the transactional id. */
  readonly guarded: (log: RegionalLog) => RegionalLog;
}

/** The mirror, and who keeps where home's offsets lie in the region; or one part of it. */
export function buildMirror(
  stage: StageParts,
  clusters: MirrorClusters,
  parts: MirrorParts,
  part?: MirrorPart,
): { readonly offsets: OffsetKeeper; readonly mirror: MirrorStage } {
  const { current, database, lease, clock, failpoints } = stage;
  const config = current();
  const offsets = new OffsetKeeper(offsetStore(database, lease.epoch), clock);
  const log = regionalLog(
    clusters.writer,
    {
      region: config.region,
      primary: config.primary.name,
      shard: part?.shard ?? 0,
      transactionTimeoutMs: config.mirror.transactionTimeoutMs,
      owns: part?.share.owns,
      onStep: failpoints?.mirror,
    },
    regionalAdmin(clusters.writer, config.mirror.replicationFactor),
  );
  const settings = mirrorSettings(stage, parts);
  const mirror = new MirrorStage(
    dependencies(stage, clusters, parts, { regional: offsets.watch(part?.guarded(log) ?? log), kept: offsets }, part?.shard ?? 0),
    part === undefined ? settings : { ...settings, share: part.share, maxCycleBytes: part.maxCycleBytes },
  );
  return { offsets, mirror };
}

/** Keeps the topics of a mirror whose partitions others mirror. */
export function buildTopicKeeper(stage: StageParts, clusters: MirrorClusters, parts: MirrorParts): TopicKeeper {
  const config = stage.current();
  const { region, primary, mirror } = config;
  const group = positionGroup(region, primary.name);
  const log = regionalLog(
    clusters.writer,
    { region, primary: primary.name, shard: 0, transactionTimeoutMs: mirror.transactionTimeoutMs },
    regionalAdmin(clusters.writer, mirror.replicationFactor),
  );
  // Somebody is always in the middle of a transaction: what is committed is all that it needs to know.
  const positions: RegionalLog['positions'] = (topics, signal) => readPositions(clusters.writer, group, topics, signal, { stable: false });
  return new TopicKeeper(
    dependencies(stage, clusters, parts, { regional: { ...log, positions }, kept: nothingKept }, 0),
    mirrorSettings(stage, parts),
  );
}

/** The keeper of topics starts no partition. */
const nothingKept: KeptEnds = { last: () => undefined, found: () => undefined };

function dependencies(
  { current, observer, clock, cycleSizes }: StageParts,
  clusters: MirrorClusters,
  { home, stops, ledger, visitRecords }: MirrorParts,
  { regional, kept }: Pick<MirrorDependencies, 'regional' | 'kept'>,
  shard: number,
): MirrorDependencies {
  return {
    home,
    regional,
    kept,
    ledger,
    publishedAtHome: publishedHomes(clusters.primary),
    publishedInRegion: publishedHomes(clusters.writer),
    publisher: homePublisher(clusters.writer, creator(clusters.writer, current().mirror.replicationFactor)),
    stops,
    reencode: reencoder(visitRecords, compress),
    visitRecords,
    observe: observer.observe,
    clock,
    cycleSize: cycleSizes.of(shard),
  };
}

function mirrorSettings({ current }: StageParts, { isApplied }: MirrorParts): MirrorSettings {
  const config = current();
  const { heartbeat } = config.primary;
  return {
    region: config.region,
    primary: config.primary.name,
    rules: () => ({
      primary: config.primary.name,
      topics: current().mirror.topics,
      exclude: current().mirror.exclude,
      prefix: config.mirror.prefix,
      heartbeatTopic: heartbeat.enabled ? heartbeat.topic : undefined,
      heartbeatsOnly: config.mirror.standby,
    }),
    configExclude: config.mirror.configExclude,
    minRetentionMs: (topic) => (!isApplied(topic) ? undefined : config.mirror.minRetentionSeconds * 1_000),
    onTruncated: config.mirror.onTruncated,
    onRecreated: config.mirror.onRecreated,
    refreshMs: config.mirror.refreshSeconds * 1_000,
    fetchMaxWaitMs: config.mirror.fetchMaxWaitMs,
    maxCycleBytes: config.mirror.maxCycleBytes,
    transactionTimeoutMs: config.mirror.transactionTimeoutMs,
    takesInMs: TAKES_IN_MS,
    takesInBytes: LEAST_CYCLE_BYTES,
    maxPartitionFetchBytes: config.mirror.maxPartitionFetchBytes,
    recommitMs: config.mirror.recommitSeconds * 1_000,
  };
}

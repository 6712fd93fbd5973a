import { compress } from '../kafka/batch/codecs.ts';
import { reencoder } from '../kafka/batch/reencode.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { homePublisher } from '../kafka/home-publisher.ts';
import { publishedHomes } from '../kafka/published-homes.ts';
import { regionalLog } from '../kafka/regional-log.ts';
import type { HomeLog, StopLedger } from '../mirror/contracts.ts';
import { MirrorStage } from '../mirror/mirror-stage.ts';
import { OffsetKeeper } from '../mirror/offset-keeper.ts';
import type { VisitRecords } from '../model/batch.ts';
import { offsetStore } from '../postgres/offset-store.ts';
import { topicLedger } from '../postgres/topic-ledger.ts';
import type { ActiveParts } from './active.ts';
import { creator, regionalAdmin } from './regional-admin.ts';

export interface MirrorParts {
  readonly home: HomeLog;
  readonly stops: StopLedger;
  readonly visitRecords: VisitRecords;
  /** Of the regional topic; undefined where none is applied. */
  readonly isApplied: (topic: string) => boolean;
}

/** The mirror, and who keeps where home's offsets lie in the region. */
export function buildMirror(
  { current, database, lease, observer, clock, failpoints }: ActiveParts,
  clusters: { readonly primary: KafkaCluster; readonly writer: KafkaCluster },
  { home, stops, visitRecords, isApplied }: MirrorParts,
): { readonly offsets: OffsetKeeper; readonly mirror: MirrorStage } {
  const config = current();
  const { heartbeat } = config.primary;
  const { observe } = observer;
  const offsets = new OffsetKeeper(offsetStore(database, lease.epoch), clock);
  const mirror = new MirrorStage(
    {
      home,
      regional: offsets.watch(
        regionalLog(
          clusters.writer,
          {
            region: config.region,
            primary: config.primary.name,
            shard: 0,
            transactionTimeoutMs: config.mirror.transactionTimeoutMs,
            onStep: failpoints?.mirror,
          },
          regionalAdmin(clusters.writer, config.mirror.replicationFactor),
        ),
      ),
      ledger: topicLedger(database),
      publishedAtHome: publishedHomes(clusters.primary),
      publishedInRegion: publishedHomes(clusters.writer),
      publisher: homePublisher(clusters.writer, creator(clusters.writer, config.mirror.replicationFactor)),
      stops,
      reencode: reencoder(visitRecords, compress),
      visitRecords,
      observe,
      clock,
    },
    {
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
      maxPartitionFetchBytes: config.mirror.maxPartitionFetchBytes,
      recommitMs: config.mirror.recommitSeconds * 1_000,
    },
  );

  return { offsets, mirror };
}

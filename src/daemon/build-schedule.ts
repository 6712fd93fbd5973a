import type { ApplyStage } from '../apply/apply-stage.ts';
import { type PruneSources, pruneTombstones } from '../apply/prune-tombstones.ts';
import { tableNameOf } from '../apply/table-entry.ts';
import type { KeepRules, PartitionStanding, SourceLog } from '../apply/tombstone-retention.ts';
import type { AuditStage } from '../audit/audit-stage.ts';
import { configsInForce } from '../kafka/admin.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import type { LagLoop } from '../lag/lag-loop.ts';
import type { MirrorStage } from '../mirror/mirror-stage.ts';
import { topicPartitionKey } from '../model/partition.ts';
import { tableText } from '../model/sql-name.ts';
import type { Database } from '../postgres/database.ts';
import { shadowStore } from '../postgres/shadow-store.ts';
import { tombstoneStore } from '../postgres/tombstones.ts';
import type { RejectedStore } from '../rejected/contracts.ts';
import { expireRejected } from '../rejected/retention.ts';
import { cronTrigger } from '../schedule/cron.ts';
import { type Job, Schedule } from '../schedule/schedule.ts';
import { pruneShadow } from '../shadow/shadow-store.ts';
import type { ActiveParts } from './active-parts.ts';
import { readable } from './delete-retention.ts';

/** Once a day, away from the full hour at which everything else runs. */
const PRUNE_TOMBSTONES = '43 3 * * *';
const EXPIRE_AUDIT = '13 4 * * *';
const PRUNE_SHADOW = '47 3 * * *';
const MARGIN_MS = 86_400_000;

interface Clusters {
  readonly primary: KafkaCluster;
  readonly reader: KafkaCluster;
}

export interface ScheduleParts {
  readonly audit: Pick<AuditStage, 'request' | 'expire'> | undefined;
  readonly rejected: RejectedStore;
  readonly mirror: Pick<MirrorStage, 'status'>;
  readonly apply: Pick<ApplyStage, 'statuses'>;
  readonly lag: Pick<LagLoop, 'snapshot'>;
  readonly primaryConnected: () => boolean;
}

/** What the active daemon does at set times. */
export function buildSchedule(active: ActiveParts, clusters: Clusters, parts: ScheduleParts): Schedule {
  const { current, database, lease, observer } = active;
  const { observe } = observer;
  const config = current();
  const { days, schedule } = config.rejected.retention;
  const keep: KeepRules = { parkedMs: config.parked.maxAgeSeconds * 1_000, marginMs: MARGIN_MS };
  const topicsOf = Map.groupBy(config.apply.tables, (entry) => tableText(tableNameOf(entry)));
  const tables = new Map([...topicsOf].map(([table, entries]) => [table, entries.map(({ topic }) => topic)]));
  const sources: PruneSources = {
    store: tombstoneStore(database),
    epoch: lease.epoch,
    logs: (topics, signal) => sourceLogs(topics, clusters, parts, signal),
    standings: () => [...partitionStandings(parts)],
    observe,
  };
  return new Schedule(
    [
      {
        name: 'expire_rejected',
        cron: schedule,
        run: (signal) => expireRejected(days, parts.rejected, (records) => observe({ type: 'rejected_expired', records, days }), signal),
      },
      ...(parts.audit === undefined
        ? []
        : [
            {
              name: 'audit' as const,
              cron: config.audit.schedule,
              run: async () => void parts.audit?.request(undefined, 'audit.schedule'),
            },
            {
              name: 'expire_audit' as const,
              cron: EXPIRE_AUDIT,
              run: async (signal: AbortSignal) => await parts.audit?.expire(config.audit.retentionDays, signal),
            },
          ]),
      { name: 'prune_tombstones', cron: PRUNE_TOMBSTONES, run: (signal) => pruneTombstones(tables, keep, sources, signal) },
      ...(config.shadow === undefined ? [] : [shadowPruning(config.shadow.compare.retentionDays, database)]),
    ],
    cronTrigger,
    observe,
  );
}

const shadowPruning = (days: number, database: Database): Job => ({
  name: 'prune_shadow',
  cron: PRUNE_SHADOW,
  run: (signal) => pruneShadow(days, shadowStore(database), signal),
});

/** Both logs of each topic. One whose name at home is not known, or whose cluster was not reached, has no configs: not known. */
async function sourceLogs(
  topics: readonly string[],
  clusters: Clusters,
  { mirror, primaryConnected }: ScheduleParts,
  signal: AbortSignal,
): Promise<readonly SourceLog[]> {
  const homeOf = new Map([...mirror.status()].map(({ topic, homeTopic }) => [topic, homeTopic]));
  const homeTopics = [...new Set(topics.flatMap((topic) => homeOf.get(topic) ?? []))];
  const [home, regional] = await Promise.all([
    primaryConnected() ? readable((asked, stop) => configsInForce(clusters.primary, asked, stop), homeTopics, signal) : new Map(),
    readable((asked, stop) => configsInForce(clusters.reader, asked, stop), topics, signal),
  ]);
  return topics.flatMap((topic) => [
    { name: `${homeOf.get(topic) ?? topic} at home`, configs: home.get(homeOf.get(topic) ?? '') },
    { name: `${topic} in the region`, configs: regional.get(topic) },
  ]);
}

/** Every partition that either stage has. */
function partitionStandings({ mirror, apply, lag }: ScheduleParts): Iterable<PartitionStanding> {
  const standings = new Map<string, PartitionStanding>();
  const lags = new Map(lag.snapshot().partitions.map((p) => [topicPartitionKey(p.topic, p.partition), p.lag.total ?? undefined]));
  const at = (topic: string, partition: number): PartitionStanding => {
    const key = topicPartitionKey(topic, partition);
    return standings.get(key) ?? { topic, partition, mirror: undefined, apply: undefined, total: lags.get(key) };
  };
  for (const { topic, partition, status } of mirror.status())
    standings.set(topicPartitionKey(topic, partition), { ...at(topic, partition), mirror: status.state });
  for (const { topic, partition, status } of apply.statuses())
    standings.set(topicPartitionKey(topic, partition), { ...at(topic, partition), apply: status.state });
  return standings.values();
}

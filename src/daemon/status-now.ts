import type { FarshoreConfig } from '../config/config.ts';
import type { LagSnapshot } from '../lag/lag-loop.ts';
import { offsetsBetween } from '../model/offsets.ts';
import type { DaemonStatus, LagValue } from '../model/status.ts';
import type { ActiveDaemon } from './active.ts';
import { neededTables } from './needed-tables.ts';
import type { Observer } from './observer.ts';
import type { ShadowFront } from './shadow-front.ts';
import type { ShardHolder } from './shard-holder.ts';
import { daemonStatus } from './status.ts';

/** What the daemon is at this moment. */
export interface DaemonNow {
  readonly role: DaemonStatus['role'];
  readonly leaseEpoch: bigint | undefined;
  readonly active: ActiveDaemon | undefined;
  readonly shadow: ShadowFront | undefined;
  /** Where several daemons share the region, whether this one is active or not. */
  readonly shards: ShardHolder | undefined;
}

/** What stays the same from start to end. */
export interface DaemonSelf {
  readonly config: FarshoreConfig;
  readonly version: string;
  readonly startedAtMs: number;
  readonly observer: Observer;
}

/** Of a daemon that is not active. */
export const NO_LAG: LagSnapshot = { partitions: [], stuckSeconds: { primary: undefined, regional: undefined } };

/** `of`: the partitions of the whole region, as far as this daemon knows them, or those that it works on itself. */
export function statusNow(
  { config, version, startedAtMs, observer }: DaemonSelf,
  { role, leaseEpoch, active, shards }: DaemonNow,
  { partitions }: Pick<LagSnapshot, 'partitions'>,
  of: 'region' | 'here',
): DaemonStatus {
  const seen = of === 'here' && shards !== undefined ? undefined : active;
  const { holders } = active ?? {};
  const measured = new Map(partitions.map((p) => [`${p.topic}:${p.partition}`, p]));
  const heartbeats = active?.heartbeats;
  const audited = neededTables(active?.neededAudits ?? []);
  return daemonStatus({
    region: config.region,
    primary: config.primary.name,
    version,
    role,
    startedAtMs,
    leaseEpoch,
    components: observer.components,
    // What is worked on here is known best here: it comes last, and stands.
    mirror: [...(seen?.mirror.status() ?? []), ...(shards?.mirrorStatuses() ?? [])],
    apply: [...(seen?.apply.statuses() ?? []), ...(shards?.applyStatuses() ?? [])],
    lag: (topic, partition) => {
      const values = measured.get(`${topic}:${partition}`)?.lag;
      const known = (value: LagValue | null | undefined): LagValue | undefined => value ?? undefined;
      return { mirror: known(values?.mirror), apply: known(values?.apply), total: known(values?.total) };
    },
    headroom: (topic, partition) => {
      const { home, mirrored } = measured.get(`${topic}:${partition}`) ?? {};
      if (home === undefined || mirrored === undefined) return;
      const between = offsetsBetween(home.start, mirrored);
      return between < 0n ? 0n : between;
    },
    tables: [...(active?.apply.tables() ?? [])].map((table) => ({
      ...table,
      ...(audited.has(table.table) ? { needsFullAudit: true as const } : {}),
    })),
    rejected: active?.keptCounts.current,
    heartbeat: { latencySeconds: heartbeats?.latencySeconds ?? null, ageSeconds: heartbeats?.ageSeconds ?? null },
    counters: { mirroredRecords: observer.mirroredRecords, appliedRecords: observer.appliedRecords },
    ...(shards === undefined
      ? {}
      : {
          shards: {
            count: config.mirror.shards,
            held: shards.held,
            holders: holders?.map(({ shard, holder }) => ({ shard, holder })) ?? null,
          },
        }),
  });
}

import { type HomeOffset, offsetsBetween, offsetValue, type RegionalOffset } from '../model/offsets.ts';
import type { DaemonStatus, LagValue, PartitionState } from '../model/status.ts';
import type { Metrics } from './metrics.ts';

/** What was measured of one partition; undefined and null mean not known. */
export interface MeasuredPartition {
  readonly topic: string;
  readonly partition: number;
  readonly lag: { readonly mirror: LagValue; readonly apply: LagValue | null; readonly total: LagValue | null };
  readonly home: { readonly start: HomeOffset; readonly end: HomeOffset } | undefined;
  readonly mirrored: HomeOffset | undefined;
  readonly applied: RegionalOffset | undefined;
}

export interface MeasuredLag {
  readonly partitions: readonly MeasuredPartition[];
  readonly stuckSeconds: { readonly primary: number | undefined; readonly regional: number | undefined };
}

/** Sets the lag of every partition anew, so that a partition that is gone leaves no sample behind. */
export function measureLag(metrics: Metrics, { partitions, stuckSeconds }: MeasuredLag): void {
  metrics.set('farshore_last_stable_offset_stuck_seconds', { cluster: 'primary' }, stuckSeconds.primary);
  metrics.set('farshore_last_stable_offset_stuck_seconds', { cluster: 'regional' }, stuckSeconds.regional);
  metrics.clear('farshore_replication_lag_seconds');
  metrics.clear('farshore_replication_lag_records');
  metrics.clear('farshore_lag_known');
  metrics.clear('farshore_source_earliest_offset');
  metrics.clear('farshore_source_latest_offset');
  metrics.clear('farshore_applied_offset');
  metrics.clear('farshore_retention_headroom_records');
  for (const { topic, partition, lag, home, mirrored, applied } of partitions) {
    const place = { topic, partition };
    for (const stage of ['mirror', 'apply', 'total'] as const) {
      const value = lag[stage];
      if (value === null) continue;
      metrics.set('farshore_replication_lag_seconds', { ...place, stage }, value.seconds);
      metrics.set('farshore_replication_lag_records', { ...place, stage }, value.records === null ? null : Number(value.records));
      metrics.set('farshore_lag_known', { ...place, stage }, value.known ? 1 : 0);
    }
    if (home !== undefined) {
      metrics.set('farshore_source_earliest_offset', place, offsetValue(home.start));
      metrics.set('farshore_source_latest_offset', place, offsetValue(home.end));
      if (mirrored !== undefined) metrics.set('farshore_retention_headroom_records', place, offsetsBetween(home.start, mirrored));
    }
    if (mirrored !== undefined) metrics.set('farshore_applied_offset', { ...place, stage: 'mirror' }, offsetValue(mirrored));
    if (applied !== undefined) metrics.set('farshore_applied_offset', { ...place, stage: 'apply' }, offsetValue(applied));
  }
}

/** Set anew from the ledger, so that a table leaves when its audit is done. A topic without a table has no sample. */
export function measureNeededAudits(metrics: Metrics, tables: readonly string[]): void {
  metrics.clear('farshore_needs_full_audit');
  for (const table of tables) metrics.set('farshore_needs_full_audit', { table }, 1);
}

/** Gauges and no counters: what is missing when the daemon starts is told once, before anybody scrapes. Undefined: it was not looked for yet. */
export function measureTopics(metrics: Metrics, gaps: { readonly missing: number; readonly refusedConfigs: number } | undefined): void {
  metrics.set('farshore_topics_missing', {}, gaps?.missing);
  metrics.set('farshore_topic_configs_refused', {}, gaps?.refusedConfigs);
}

/** Undefined: one daemon does it all. Each daemon tells how many there are, and how many it holds: what is missing in the sum nobody holds. */
export function measureShards(metrics: Metrics, shards: Pick<NonNullable<DaemonStatus['shards']>, 'count' | 'held'> | undefined): void {
  metrics.set('farshore_shards', {}, shards?.count);
  metrics.set('farshore_shards_held', {}, shards?.held.length);
}

/**
 * Gauges that are a view of the daemon's status, set before each scrape: counting stops and resumes instead would
 * miss what a daemon finds in the ledger when it starts. A standby has no partitions, and no samples of them; one that works on
 * shards has those of its shards.
 */
export function measureStatus(
  metrics: Metrics,
  status: Pick<DaemonStatus, 'role' | 'partitions' | 'tables' | 'rejected' | 'heartbeat'>,
): void {
  metrics.clear('farshore_partitions');
  metrics.clear('farshore_partitions_stopped');
  metrics.clear('farshore_rejected_records');
  metrics.clear('farshore_parked_records');
  metrics.set('farshore_tables_stopped', {}, undefined);
  metrics.set('farshore_heartbeat_age_seconds', {}, status.heartbeat.ageSeconds);
  if (status.role !== 'active' && status.partitions.length === 0) return;
  if (status.role === 'active')
    metrics.set('farshore_tables_stopped', {}, status.tables.filter((table) => table.state === 'stopped').length);
  if (status.rejected !== null) {
    // A table that keeps none has a 0: an alert that was raised ends.
    for (const { table } of status.tables) {
      metrics.set('farshore_rejected_records', { table }, 0);
      metrics.set('farshore_parked_records', { table }, 0);
    }
    for (const { table, records, parked } of status.rejected) {
      metrics.set('farshore_rejected_records', { table }, records);
      metrics.set('farshore_parked_records', { table }, parked);
    }
  }
  for (const stage of ['mirror', 'apply'] as const) {
    const counts: Record<PartitionState, number> = { running: 0, waiting: 0, paused: 0, stopped: 0 };
    for (const partition of status.partitions) {
      const state = partition[stage]?.state;
      if (state !== undefined) counts[state]++;
    }
    for (const [state, count] of Object.entries(counts) as [PartitionState, number][]) {
      metrics.set('farshore_partitions', { stage, state }, count);
    }
    metrics.set('farshore_partitions_stopped', { stage }, counts.stopped);
  }
}

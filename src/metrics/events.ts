import type { Clock } from '../model/clock.ts';
import type { FarshoreEvent } from '../model/events.ts';
import type { Metrics } from './metrics.ts';

/** Counts one event. The switch is closed: an event without its instruments does not compile. */
export function measureEvent(metrics: Metrics, event: FarshoreEvent, clock: Pick<Clock, 'wallMs'>): void {
  switch (event.type) {
    case 'mirror_cycle':
      mirrorCycle(metrics, event, clock);
      break;
    case 'mirror_rebuilt':
      metrics.increase('farshore_mirror_rebuilds_total', { code: event.code });
      break;
    case 'batch_reencoded':
      metrics.increase('farshore_mirror_reencoded_batches_total', { reason: event.reason });
      break;
    case 'topic_found':
      metrics.increase('farshore_topic_changes_total', { change: 'found' });
      break;
    case 'topic_created':
      metrics.increase('farshore_topic_changes_total', { change: 'created' });
      break;
    case 'topic_grown':
      metrics.increase('farshore_topic_changes_total', { change: 'grown' });
      break;
    case 'topic_missing':
      metrics.increase('farshore_topic_changes_total', { change: 'missing' });
      break;
    case 'topic_configs_synced':
      metrics.increase('farshore_topic_changes_total', { change: 'configs_synced' });
      break;
    case 'generation_raised':
      metrics.set('farshore_topic_generation', { topic: event.topic }, event.generation);
      break;
    case 'home_claimed':
      metrics.set('farshore_topic_home_epoch', { topic: event.topic }, event.epoch);
      break;
    case 'batch_applied':
      batchApplied(metrics, event, clock);
      break;
    case 'apply_retried':
      metrics.increase('farshore_apply_retries_total', { code: event.code });
      break;
    case 'partition_stopped':
      partitionStopped(metrics, event);
      break;
    case 'partition_resumed':
      metrics.increase('farshore_partition_actions_total', { stage: event.stage, action: 'resumed' });
      break;
    case 'partition_paused':
      metrics.increase('farshore_partition_actions_total', { stage: event.stage, action: 'paused' });
      break;
    case 'heartbeat_written':
      metrics.increase('farshore_heartbeats_written_total', {});
      metrics.observe('farshore_heartbeat_write_duration_seconds', {}, event.seconds);
      break;
    case 'heartbeat_failed':
      metrics.increase('farshore_heartbeat_failures_total', { code: event.code });
      break;
    case 'heartbeat_returned':
      metrics.observe('farshore_heartbeat_latency_seconds', {}, event.latencySeconds);
      break;
    case 'schema_fetched':
      metrics.increase('farshore_schema_fetches_total', { result: event.result });
      break;
    case 'lease':
      metrics.set('farshore_leader', {}, event.state === 'acquired' ? 1 : 0);
      metrics.set('farshore_fencing_epoch', {}, event.state === 'acquired' ? event.epoch : undefined);
      break;
    case 'component':
      metrics.set('farshore_component_up', { component: event.component }, event.up ? 1 : 0);
      break;
    default:
      event satisfies never;
  }
}

type EventOf<T extends FarshoreEvent['type']> = Extract<FarshoreEvent, { readonly type: T }>;

function mirrorCycle(metrics: Metrics, { topics, seconds }: EventOf<'mirror_cycle'>, clock: Pick<Clock, 'wallMs'>): void {
  metrics.observe('farshore_mirror_cycle_duration_seconds', {}, seconds);
  let records = 0;
  for (const { topic, records: mirrored, bytes, batches, droppedAborted } of topics) {
    records += mirrored;
    metrics.increase('farshore_mirrored_records_total', { topic }, mirrored);
    metrics.increase('farshore_mirrored_bytes_total', { topic }, bytes);
    metrics.increase('farshore_mirrored_batches_total', { topic }, batches);
    metrics.increase('farshore_mirror_dropped_aborted_records_total', { topic }, droppedAborted);
  }
  // A cycle may only commit idle positions again (C11), which is no progress.
  if (records > 0) metrics.set('farshore_last_progress_timestamp_seconds', { stage: 'mirror' }, clock.wallMs() / 1000);
}

function batchApplied(metrics: Metrics, event: EventOf<'batch_applied'>, clock: Pick<Clock, 'wallMs'>): void {
  const { topic, table } = event;
  const nowMs = clock.wallMs();
  metrics.increase('farshore_records_consumed_total', { topic }, event.records);
  metrics.increase('farshore_consumed_bytes_total', { topic }, event.bytes);
  metrics.increase('farshore_records_applied_total', { table, op: 'upsert' }, event.upserts);
  metrics.increase('farshore_records_applied_total', { table, op: 'delete' }, event.deletes);
  metrics.increase('farshore_records_skipped_total', { table, reason: 'stale' }, event.stale);
  metrics.increase('farshore_records_skipped_total', { table, reason: 'duplicate' }, event.duplicates);
  metrics.increase('farshore_records_skipped_total', { table, reason: 'folded' }, event.folded);
  metrics.increase('farshore_version_ties_total', { table }, event.ties);
  metrics.observe('farshore_apply_batch_duration_seconds', { table }, event.seconds);
  metrics.observe('farshore_apply_batch_records', { table }, event.records);
  if (event.newestTimestampMs !== undefined) {
    metrics.observe('farshore_apply_latency_seconds', { table }, Math.max(0, nowMs - event.newestTimestampMs) / 1000);
  }
  if (event.records > 0) metrics.set('farshore_last_progress_timestamp_seconds', { stage: 'apply' }, nowMs / 1000);
}

function partitionStopped(metrics: Metrics, { stage, topic, code, lostFrom, lostTo }: EventOf<'partition_stopped'>): void {
  metrics.increase('farshore_partition_stops_total', { stage, code });
  if (lostFrom !== undefined && lostTo !== undefined && lostTo > lostFrom) {
    metrics.increase('farshore_lost_records_total', { topic }, lostTo - lostFrom);
  }
}

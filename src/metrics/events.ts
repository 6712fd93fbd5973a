import type { Clock } from '../model/clock.ts';
import type { FarshoreEvent } from '../model/events.ts';
import type { Metrics } from './metrics.ts';
import { measureShadowEvent } from './shadow.ts';

/** Counts one event. The switch is closed: an event without its instruments does not compile. */
export function measureEvent(metrics: Metrics, event: FarshoreEvent, clock: Pick<Clock, 'wallMs'>): void {
  switch (event.type) {
    case 'mirror_cycle':
      mirrorCycle(metrics, event, clock);
      break;
    case 'mirror_rebuilt':
      metrics.increase('farshore_mirror_rebuilds_total', { code: event.code });
      break;
    case 'position_old':
      metrics.increase('farshore_mirror_old_positions_total', {});
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
    case 'topic_not_ready':
      metrics.increase('farshore_topic_changes_total', { change: 'not_ready' });
      break;
    case 'topic_configs_synced':
      metrics.increase('farshore_topic_changes_total', { change: 'configs_synced' });
      break;
    case 'topic_config_refused':
      metrics.increase('farshore_topic_changes_total', { change: 'config_refused' });
      break;
    case 'full_audit_needed':
      metrics.increase('farshore_full_audits_needed_total', { stage: event.stage });
      break;
    case 'shards_changed':
      metrics.increase('farshore_shard_changes_total', {});
      break;
    case 'shard':
      if (event.state === 'lost') metrics.increase('farshore_shards_lost_total', {});
      break;
    case 'generation_raised':
      metrics.set('farshore_topic_generation', { topic: event.topic }, event.generation);
      break;
    case 'home_claimed':
      metrics.set('farshore_topic_home_epoch', { topic: event.topic }, event.epoch);
      break;
    case 'rows_read_back':
      metrics.increase('farshore_read_back_rows_total', { table: event.table, result: 'equal' }, event.rows - event.found);
      break;
    case 'rogue_write_found':
      metrics.increase('farshore_read_back_rows_total', { table: event.table, result: event.kind });
      break;
    case 'backfill_chunk':
      metrics.increase('farshore_backfill_rows_read_total', { table: event.table }, event.rows);
      metrics.increase('farshore_backfill_rows_written_total', { table: event.table }, event.written);
      break;
    case 'backfill_failed':
      metrics.increase('farshore_backfill_failures_total', { table: event.table, code: event.code });
      break;
    case 'backfill_changed':
      break;
    case 'audit_compared':
      metrics.increase('farshore_audit_rows_compared_total', { table: event.table }, event.rows);
      metrics.increase('farshore_audit_bytes_total', { table: event.table }, event.bytes);
      metrics.increase('farshore_audit_suspects_total', { table: event.table }, event.suspects);
      break;
    case 'audit_settled':
      metrics.increase('farshore_audit_bytes_total', { table: event.table }, event.bytes);
      for (const result of ['healed', 'confirmed', 'unsettled', 'parked'] as const)
        metrics.increase('farshore_audit_settled_total', { table: event.table, result }, event[result]);
      break;
    case 'audit_pass_ended':
      if (event.stopped === undefined) metrics.set('farshore_audit_pass_duration_seconds', { table: event.table }, event.seconds);
      break;
    case 'audit_pass_failed':
    case 'audit_refused':
      metrics.increase('farshore_audit_failures_total', { table: event.table, code: event.code });
      break;
    case 'audit_finding':
    case 'audit_pass_restarted':
      break;
    case 'audit_repair':
      metrics.increase('farshore_audit_repairs_total', { table: event.table, result: event.result });
      break;
    case 'read_back_failed':
      metrics.increase('farshore_read_back_rows_total', { table: event.table, result: 'unread' }, event.rows);
      break;
    case 'rejected_published':
      metrics.increase('farshore_rejected_published_total', { table: event.table });
      break;
    case 'rejected_publish_failed':
      metrics.increase('farshore_rejected_publish_failures_total', { code: event.code });
      break;
    case 'records_parked':
      metrics.increase('farshore_records_parked_total', { table: event.table }, event.records);
      break;
    case 'parked_ended':
      metrics.increase('farshore_parked_ended_total', { table: event.table, result: event.result });
      break;
    case 'records_unrouted':
      metrics.increase('farshore_records_unrouted_total', { topic: event.topic }, event.records);
      break;
    case 'batch_applied':
      batchApplied(metrics, event, clock);
      break;
    case 'records_rejected':
      metrics.increase('farshore_records_rejected_total', { table: event.table, code: event.code }, event.records);
      break;
    case 'rejected_retried':
      metrics.increase('farshore_rejected_retries_total', { table: event.table, result: event.result });
      break;
    case 'outbox_published':
      metrics.increase('farshore_outbox_published_total', { topic: event.topic }, event.rows);
      break;
    case 'outbox_refused':
      metrics.increase('farshore_outbox_refused_total', { topic: event.topic });
      break;
    case 'outbox_failed':
      metrics.increase('farshore_outbox_failures_total', { code: event.code });
      break;
    case 'rejected_expired':
      metrics.increase('farshore_rejected_expired_total', {}, event.records);
      break;
    case 'job_failed':
      metrics.increase('farshore_job_failures_total', { job: event.job, code: event.code });
      break;
    case 'tombstones_pruned':
      metrics.increase('farshore_tombstones_pruned_total', { table: event.table }, event.tombstones);
      break;
    case 'cutover_moved':
      metrics.increase('farshore_cutover_transitions_total', { state: event.to });
      break;
    case 'cutover_step_ended':
      metrics.increase('farshore_cutover_steps_total', { step: event.step, result: event.result });
      break;
    case 'unmirrored_tail_found':
      metrics.increase('farshore_unmirrored_tail_records_total', { topic: event.topic }, event.to - event.from);
      break;
    case 'cutover_hook_ran':
      metrics.increase('farshore_cutover_hooks_total', { result: event.result });
      break;
    case 'region_look_failed':
      metrics.increase('farshore_region_look_failures_total', { code: event.code });
      break;
    case 'shard_group_failed':
    case 'cutover_stands':
    case 'figure_unknown':
    case 'cutover_held':
    case 'cutover_released':
    case 'gate_changed':
    case 'tombstones_kept':
    case 'registry_compatibility':
      break;
    case 'outbox_discarded':
      metrics.increase('farshore_outbox_discarded_total', {}, event.rows);
      break;
    case 'rejected_discarded':
      metrics.increase('farshore_rejected_discarded_total', {}, event.records);
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
    case 'login_not_renewed':
      metrics.increase('farshore_logins_not_renewed_total', { component: event.component });
      break;
    case 'shadow_compared':
    case 'shadow_mismatch_found':
    case 'shadow_comparison_failed':
    case 'shadow_topic_failed':
    case 'shadow_store_failed':
      measureShadowEvent(metrics, event);
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
  for (const [field, times] of event.notAllowed) metrics.increase('farshore_fields_not_allowed_total', { table, field }, times);
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

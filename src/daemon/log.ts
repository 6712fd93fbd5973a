import { type Logger, pino } from 'pino';
import type { FarshoreError } from '../model/errors.ts';
import type { FarshoreEvent } from '../model/events.ts';

export type { Logger };

export interface LogSettings {
  readonly level: string;
  readonly region: string;
  readonly version: string;
}

/** JSON lines on stdout, which journald and Kubernetes take as they are. */
export const createLogger = ({ level, region, version }: LogSettings): Logger =>
  pino({
    level,
    base: { region, version },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // Paths are the second layer: secrets are wrapped values that print as "[secret]" by themselves.
    redact: ['*.password', '*.passwordFile', '*.token', '*.url'],
    serializers: { error: serializeError },
  });

type Level = 'debug' | 'info' | 'warn' | 'error';

/** One line an event; the flow of records is for metrics and goes to debug. */
export function logEvent(logger: Logger, event: FarshoreEvent): void {
  const { type, ...facts } = event;
  logger[levelOf(event)]({ event: type, ...plain(facts) }, messageOf(event));
}

export function levelOf(event: FarshoreEvent): Level {
  switch (event.type) {
    case 'mirror_cycle':
    case 'rejected_retried':
    case 'batch_applied':
    case 'records_unrouted':
    case 'rows_read_back':
    case 'audit_compared':
    case 'audit_settled':
    case 'backfill_chunk':
    case 'outbox_published':
    case 'rejected_published':
    case 'parked_ended':
    case 'heartbeat_written':
    case 'heartbeat_returned':
    case 'schema_fetched':
    case 'batch_reencoded':
    case 'shadow_compared':
      return 'debug';
    case 'partition_stopped':
    case 'rogue_write_found':
    case 'audit_finding':
    case 'full_audit_needed':
      return 'error';
    case 'records_rejected':
    case 'read_back_failed':
    case 'audit_pass_failed':
    case 'backfill_failed':
    case 'outbox_failed':
    case 'outbox_refused':
    case 'audit_refused':
    case 'rejected_publish_failed':
    case 'job_failed':
    case 'mirror_rebuilt':
    case 'position_old':
    case 'apply_retried':
    case 'heartbeat_failed':
    case 'topic_missing':
    case 'topic_not_ready':
    case 'topic_config_refused':
    case 'login_not_renewed':
    case 'registry_compatibility':
    case 'shadow_mismatch_found':
    case 'shadow_comparison_failed':
    case 'shadow_topic_failed':
    case 'shadow_store_failed':
      return 'warn';
    case 'component':
      return event.up ? 'info' : 'warn';
    case 'cutover_hook_ran':
    case 'cutover_step_ended':
      return event.result === 'failed' ? 'warn' : 'info';
    case 'unmirrored_tail_found':
    case 'cutover_stands':
    case 'figure_unknown':
      return 'warn';
    case 'cutover_moved':
    case 'cutover_held':
    case 'cutover_released':
    case 'gate_changed':
      return 'info';
    case 'lease':
    case 'shard':
      return event.state === 'lost' ? 'warn' : 'info';
    case 'shard_group_failed':
    case 'region_look_failed':
      return 'warn';
    case 'records_parked':
    case 'topic_found':
    case 'topic_created':
    case 'topic_grown':
    case 'topic_configs_synced':
    case 'shards_changed':
    case 'generation_raised':
    case 'home_claimed':
    case 'audit_repair':
    case 'backfill_changed':
    case 'audit_pass_ended':
    case 'audit_pass_restarted':
    case 'partition_resumed':
    case 'partition_paused':
    case 'outbox_discarded':
    case 'rejected_discarded':
    case 'rejected_expired':
    case 'tombstones_pruned':
    case 'tombstones_kept':
      return 'info';
  }
}

export function messageOf(event: FarshoreEvent): string {
  switch (event.type) {
    case 'partition_stopped':
      return `${event.topic}:${event.partition} stopped (${event.stage}): ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'partition_resumed':
      return `${event.topic}:${event.partition} resumed (${event.stage}) by ${event.by}`;
    case 'partition_paused':
      return `${event.topic}:${event.partition} paused (${event.stage}) by ${event.by}`;
    case 'topic_config_refused':
      return `the region refuses ${event.config}=${event.value ?? '(removed)'} for ${event.topic}, which is mirrored without it: ${event.reason}`;
    case 'full_audit_needed':
      return `${event.table ?? event.topic} needs a full audit: ${event.topic}:${event.partition} stood unread for ${Math.round(event.unreadMs / 1000)} s, and its deletes are kept for ${Math.round(event.retentionMs / 1000)} s (${event.stage})`;
    case 'rogue_write_found':
      return `${event.table} ${event.key}: ${event.kind} since apply wrote it${event.columns.length === 0 ? '' : ` (${event.columns.join(', ')})`}: written behind the daemon`;
    case 'audit_finding':
      return `${event.table} ${event.key} is ${event.kind}${event.columns.length === 0 ? '' : ` (${event.columns.join(', ')})`}${event.cause === undefined ? '' : `: ${event.cause.replace('_', ' ')}`} · farshore audit show --table ${event.table}`;
    case 'audit_refused':
      return `${event.table} is not compared: ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'audit_pass_failed':
      return `the audit of ${event.table} stands: ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'audit_pass_restarted':
      return `the audit of ${event.table} begins again at the first row, after ${event.rows} rows: its key, collation or source is not what it was`;
    case 'audit_pass_ended':
      return event.stopped === undefined
        ? `${event.table} was compared to its end`
        : `the audit of ${event.table} stands (${event.stopped}) and goes on at its next time`;
    case 'outbox_published':
      return `${event.rows} rows of the outbox are published to ${event.topic}`;
    case 'outbox_refused':
      return `row ${event.id} of the outbox holds ${event.topic}: ${event.message}`;
    case 'outbox_failed':
      return `the outbox is not relayed: ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'outbox_discarded':
      return `${event.rows} rows of the outbox are given up by ${event.by}`;
    case 'backfill_changed':
      return `the backfill of ${event.table}: ${event.change}${event.by === undefined ? '' : ` by ${event.by}`}`;
    case 'backfill_failed':
      return `the backfill of ${event.table} stands: ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'records_parked':
      return `${event.topic}:${event.partition}: ${event.records} of ${event.table} parked until ${event.waitsFor} has what they need · farshore rejected list --parked --table ${event.table}`;
    case 'records_rejected':
      return `${event.topic}:${event.partition}: ${event.records} rejected for ${event.table} and kept, the first at offset ${event.firstOffset}: ${event.message} · farshore rejected list --table ${event.table}`;
    case 'rejected_expired':
      return `${event.records} rejected records dropped: not seen for ${event.days} days (rejected.retention)`;
    case 'tombstones_pruned':
      return `${event.tombstones} remembered deletes of ${event.table} dropped: older than ${Math.round(event.keptMs / 3_600_000)} h`;
    case 'cutover_moved':
      return `cutover ${event.from} → ${event.to}: ${event.reason}`;
    case 'cutover_held':
      return `cutover held by ${event.by}: ${event.reason}`;
    case 'shard':
      return `shard ${event.shard} ${event.state}${event.reason === undefined ? '' : `: ${event.reason}`}`;
    case 'shard_group_failed':
      return `the division of shards is not known: ${event.reason}`;
    case 'region_look_failed':
      return `where the shards of the region stand cannot be read: ${event.reason}`;
    case 'cutover_released':
      return `cutover released by ${event.by}`;
    case 'gate_changed':
      return `gate ${event.gate} ${event.open ? 'opened' : `shut: ${event.reason ?? ''}`}`;
    case 'cutover_stands':
      return `the ${event.what} of the cutover stand: ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'figure_unknown':
      return `${event.what === 'kept_records' ? 'how many records are kept' : 'whether deletes may have been missed'} is not known: ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'cutover_step_ended':
      return `cutover step ${event.step} ${event.result} after ${event.seconds.toFixed(1)} s${event.reason === undefined ? '' : `: ${event.reason}`}`;
    case 'unmirrored_tail_found':
      return `${event.topic}:${event.partition}: the primary that was given up has up to ${event.to - event.from} records from offset ${event.from} on that the region never had`;
    case 'cutover_hook_ran':
      return `hook of ${event.on} ${event.result}: ${event.hook}: ${event.detail}`;
    case 'tombstones_kept':
      return `the remembered deletes of ${event.table} stay: ${event.reason}`;
    case 'job_failed':
      return `${event.job.replaceAll('_', ' ')} failed, and is tried again at its next time: ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'mirror_rebuilt':
      return `mirror starts over from its committed positions: ${event.reason}`;
    case 'position_old':
      return `the region's group answers old positions of ${event.partitions} partitions, of ${event.topic}:${event.partition} ${event.reason}`;
    case 'generation_raised':
      return `${event.topic} is in generation ${event.generation}: ${event.reason}`;
    case 'component':
      return `${event.component} is ${event.up ? 'up' : `down${event.reason === undefined ? '' : `: ${event.reason}`}`}`;
    case 'login_not_renewed':
      return `${event.component} goes on with the connection that stands, and tries again: ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'registry_compatibility':
      return `the registry checks ${event.subject} with ${event.mode}: ${event.meaning}`;
    case 'shadow_mismatch_found':
      return `the region answers ${event.route} wrongly at ${event.path} (${event.kind}) · farshore shadow diffs`;
    case 'shadow_comparison_failed':
      return `one comparison of ${event.route} failed, and is left out`;
    case 'shadow_topic_failed':
      return `the topic of requests cannot be read, and is tried again: ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'shadow_store_failed':
      return `what the shadow found could not be kept, and is tried again: ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'lease':
      return `lease ${event.state}`;
    case 'topic_not_ready':
      return `${event.topic} cannot be made ready for the shards: ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'topic_missing':
      return `${event.topic} does not exist at home · ${event.hint}`;
    default:
      return event.type.replaceAll('_', ' ');
  }
}

/** bigint has no JSON form; offsets are written as decimal text everywhere. */
function plain(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]));
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, place, hint, facts } = error as Partial<FarshoreError>;
  return {
    name: error.name,
    message: error.message,
    code,
    place,
    hint,
    facts,
    stack: error.stack,
    cause: error.cause === undefined ? undefined : serializeError(error.cause),
  };
}

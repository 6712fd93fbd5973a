import { backSteps, cutoverStates, forwardSteps, gateNames } from '../model/cutover.ts';
import { errorCodes } from '../model/errors.ts';
import { components, jobs } from '../model/events.ts';
import { shadowInstruments } from './shadow-instruments.ts';
import { shadowIntakeInstruments } from './shadow-intake-instruments.ts';

/** Label values that come from the configuration, as topics and tables do; never from records. */
export const configured = 'configured';

export interface Instrument {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Each label with its closed set of values, or `configured`. */
  readonly labels: Readonly<Record<string, readonly string[] | typeof configured>>;
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

const codes = Object.keys(errorCodes) as (keyof typeof errorCodes)[];
const stages = ['mirror', 'apply'] as const;
const lagStages = ['mirror', 'apply', 'total'] as const;
const clusters = ['primary', 'regional'] as const;
const partition = { topic: configured, partition: configured } as const;

const workSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
const lagSeconds = [...workSeconds, 30, 60, 300, 900] as const;

/**
 * Every instrument of the daemon, by name. docs/metrics.md is written from this list.
 *
 * Unknown is not zero: a gauge is absent until it was measured. A counter starts at zero where all of its labels
 * are closed sets, so that its first increase is seen.
 */
export const instruments = {
  // lag
  farshore_replication_lag_seconds: {
    type: 'gauge',
    help: 'Age of the newest log end that was read and has since been passed, by the daemon’s monotonic clock. Grows while a stage stands still or its cluster is unreachable; absent before the first measurement.',
    labels: { ...partition, stage: lagStages },
  },
  farshore_replication_lag_records: {
    type: 'gauge',
    help: 'Upper bound, in offsets, of the records a stage is behind; exactly 0 when it caught up.',
    labels: { ...partition, stage: lagStages },
  },
  farshore_lag_known: {
    type: 'gauge',
    help: '1 while the lag is measured, 0 before the first measurement and after three missed reads.',
    labels: { ...partition, stage: lagStages },
  },
  farshore_lag_reads_total: {
    type: 'counter',
    help: 'Rounds in which the ends of a cluster’s logs were read, and rounds that were missed.',
    labels: { cluster: clusters, result: ['read', 'missed'] },
  },
  farshore_source_latest_offset: {
    type: 'gauge',
    help: 'Last stable offset at home when it was last read.',
    labels: partition,
  },
  farshore_source_earliest_offset: {
    type: 'gauge',
    help: 'First offset that is still in the log at home when it was last read.',
    labels: partition,
  },
  farshore_applied_offset: {
    type: 'gauge',
    help: 'Next offset of a stage: home offsets for mirror, regional offsets for apply. The two cannot be compared.',
    labels: { ...partition, stage: stages },
  },
  farshore_retention_headroom_records: {
    type: 'gauge',
    help: 'Offsets between the start of the log at home and the mirror’s position. At 0 the next deletion by retention loses records.',
    labels: partition,
  },
  farshore_last_progress_timestamp_seconds: {
    type: 'gauge',
    help: 'Unix time at which a stage last made records durable. Stands still on idle topics: alert on lag, not on this alone.',
    labels: { stage: stages },
  },
  farshore_last_stable_offset_stuck_seconds: {
    type: 'gauge',
    help: 'Longest time for which a last stable offset has stood still below its high watermark: an open transaction holds readers back.',
    labels: { cluster: clusters },
  },

  // heartbeats
  farshore_heartbeat_latency_seconds: {
    type: 'histogram',
    help: 'From writing a heartbeat to the primary until it came back through mirror and apply, by one clock.',
    labels: {},
    buckets: lagSeconds,
  },
  farshore_heartbeat_age_seconds: {
    type: 'gauge',
    help: 'Time since the newest heartbeat that came back was written; absent until one came back.',
    labels: {},
  },
  farshore_heartbeats_written_total: { type: 'counter', help: 'Heartbeats the primary acknowledged.', labels: {} },
  farshore_heartbeat_write_duration_seconds: {
    type: 'histogram',
    help: 'Time the primary took to acknowledge a heartbeat.',
    labels: {},
    buckets: workSeconds,
  },
  farshore_heartbeat_failures_total: {
    type: 'counter',
    help: 'Heartbeats that could not be written, or whose outcome is not known.',
    labels: { code: codes },
  },

  // mirror
  farshore_mirrored_records_total: { type: 'counter', help: 'Records that are durable in the region.', labels: { topic: configured } },
  farshore_mirrored_bytes_total: {
    type: 'counter',
    help: 'Bytes of record batches that are durable in the region.',
    labels: { topic: configured },
  },
  farshore_mirrored_batches_total: {
    type: 'counter',
    help: 'Record batches that are durable in the region.',
    labels: { topic: configured },
  },
  farshore_mirror_reencoded_batches_total: {
    type: 'counter',
    help: 'Batches that could not be copied as they are and were written anew, with the same keys, values, headers and timestamps.',
    labels: { reason: ['offset_gap', 'log_append_time', 'delete_horizon', 'too_large', 'old_magic', 'refused', 'below_position'] },
  },
  farshore_mirror_dropped_aborted_records_total: {
    type: 'counter',
    help: 'Records of aborted transactions at home, which are not mirrored.',
    labels: { topic: configured },
  },
  farshore_mirror_cycle_duration_seconds: {
    type: 'histogram',
    help: 'Time of one mirror transaction, from its first write to its commit.',
    labels: {},
    buckets: workSeconds,
  },
  farshore_mirror_rebuilds_total: {
    type: 'counter',
    help: 'Times the mirror fenced itself and started over from its committed positions.',
    labels: { code: codes },
  },
  farshore_topic_changes_total: {
    type: 'counter',
    help: 'What the refresh of topics found or did.',
    labels: { change: ['found', 'created', 'grown', 'missing', 'configs_synced', 'config_refused'] },
  },
  farshore_shards_held: {
    type: 'gauge',
    help: 'Shards that this daemon works on; absent where mirror.shards is 1.',
    labels: {},
  },
  farshore_shards_lost_total: {
    type: 'counter',
    help: 'Times a shard ended here without having been given up: another daemon took it, its lease ran out, or a decision was stored.',
    labels: {},
  },
  farshore_shard_changes_total: {
    type: 'counter',
    help: 'Times the division of partitions among shards was recorded, all shards of the one before fenced.',
    labels: {},
  },
  farshore_topic_generation: {
    type: 'gauge',
    help: 'Generation a topic entered since the start of the daemon.',
    labels: { topic: configured },
  },
  farshore_topic_home_epoch: {
    type: 'gauge',
    help: 'Home epoch that was claimed for a topic since the start of the daemon.',
    labels: { topic: configured },
  },

  // apply
  farshore_records_consumed_total: {
    type: 'counter',
    help: 'Records apply has read and covered by a durable position.',
    labels: { topic: configured },
  },
  farshore_consumed_bytes_total: {
    type: 'counter',
    help: 'Bytes of record batches apply has covered by a durable position.',
    labels: { topic: configured },
  },
  farshore_records_applied_total: {
    type: 'counter',
    help: 'Rows written or deleted.',
    labels: { table: configured, op: ['upsert', 'delete'] },
  },
  farshore_records_skipped_total: {
    type: 'counter',
    help: 'Records without an effect of their own: stale or duplicate versions, and records folded into a later state of their key.',
    labels: { table: configured, reason: ['stale', 'duplicate', 'folded'] },
  },
  farshore_version_ties_total: {
    type: 'counter',
    help: 'Records with the source version of the row and other content; the later one in the log won.',
    labels: { table: configured },
  },
  farshore_fields_not_allowed_total: {
    type: 'counter',
    help: 'Records that set a field outside the entry’s `allow`: the field was left out. Fields are those of registered schemas.',
    labels: { table: configured, field: configured },
  },
  farshore_records_parked_total: {
    type: 'counter',
    help: 'Records that wait for another row: a parent, a unique value, or the row they are a part of.',
    labels: { table: configured },
  },
  farshore_parked_ended_total: {
    type: 'counter',
    help: 'Parked records that wait no longer: applied, superseded by what the region holds already, or rejected after parked.maxAgeSeconds.',
    labels: { table: configured, result: ['applied', 'superseded', 'rejected'] },
  },
  farshore_records_unrouted_total: {
    type: 'counter',
    help: 'Records that no table entry of their topic takes: another record name, event type or operation.',
    labels: { topic: configured },
  },
  farshore_divergent_rows: {
    type: 'gauge',
    help: 'Confirmed findings of the audit that nobody has ignored or resolved; absent while the database cannot be asked.',
    labels: { table: configured, kind: ['missing', 'extra', 'changed'] },
  },
  farshore_audit_suspects: {
    type: 'gauge',
    help: 'Rows that differed when they were compared, and are to be asked again.',
    labels: { table: configured },
  },
  farshore_audit_unsettled: {
    type: 'gauge',
    help: 'Rows that differed and could not be settled: written too often, or the region did not catch up. Never taken for equal.',
    labels: { table: configured },
  },
  farshore_audit_unlisted_rows: {
    type: 'gauge',
    help: 'Rows in ranges with more differences than a pass lists. They were not looked at one by one: they are neither findings nor equal.',
    labels: { table: configured },
  },
  farshore_audit_coverage_ratio: {
    type: 'gauge',
    help: 'How much of the table the open pass, or else the last one, has compared: 0 to 1. Rows that are not settled, or not listed, take from it.',
    labels: { table: configured },
  },
  farshore_audit_pass_age_seconds: {
    type: 'gauge',
    help: 'Time since the last pass that reached the end of the table began; absent before the first.',
    labels: { table: configured },
  },
  farshore_audit_pass_duration_seconds: {
    type: 'gauge',
    help: 'How long the last pass that reached the end of the table worked, in all its runs together.',
    labels: { table: configured },
  },
  farshore_audit_rows_compared_total: { type: 'counter', help: 'Rows whose digests were compared.', labels: { table: configured } },
  farshore_audit_bytes_total: {
    type: 'counter',
    help: 'Bytes of digests and keys that both sides sent for comparisons, and to settle what differed; those of repairs are not among them.',
    labels: { table: configured },
  },
  farshore_audit_suspects_total: { type: 'counter', help: 'Rows that differed when a pass met them.', labels: { table: configured } },
  farshore_audit_settled_total: {
    type: 'counter',
    help: 'Suspects by what became of them.',
    labels: { table: configured, result: ['healed', 'confirmed', 'unsettled', 'parked'] },
  },
  farshore_audit_failures_total: {
    type: 'counter',
    help: 'Passes that could not begin or go on, by the error.',
    labels: { table: configured, code: codes },
  },
  farshore_audit_repairs_total: {
    type: 'counter',
    help: 'Findings of the audit that a repair took up: `repaired`, or left alone and why.',
    labels: { table: configured, result: ['repaired', 'healed', 'primary_changed', 'region_changed', 'lost', 'not_taken', 'refused'] },
  },
  farshore_outbox_unpublished: {
    type: 'gauge',
    help: 'Committed rows of the outbox that are not published; absent while that is not known.',
    labels: {},
  },
  farshore_outbox_held: {
    type: 'gauge',
    help: 'Of them, rows of topics whose home is elsewhere or unknown: they are not sent.',
    labels: {},
  },
  farshore_outbox_oldest_seconds: {
    type: 'gauge',
    help: 'Age of the oldest row of the outbox that is not published; 0 where there is none.',
    labels: {},
  },
  farshore_outbox_published_total: { type: 'counter', help: 'Rows of the outbox that were published.', labels: { topic: configured } },
  farshore_outbox_refused_total: {
    type: 'counter',
    help: 'Times a row of the outbox was refused; it holds its topic until it is taken.',
    labels: { topic: configured },
  },
  farshore_outbox_discarded_total: { type: 'counter', help: 'Rows of the outbox that an operator gave up.', labels: {} },
  farshore_outbox_failures_total: {
    type: 'counter',
    help: 'Turns of the outbox relay that failed, by the error.',
    labels: { code: codes },
  },
  farshore_backfill_open: {
    type: 'gauge',
    help: 'Whether a backfill of the table has not ended, by its state; absent where none is.',
    labels: { table: configured, state: ['running', 'paused', 'settling', 'failed'] },
  },
  farshore_backfill_progress_ratio: {
    type: 'gauge',
    help: 'Part of the expected rows that an open backfill of the table has read; absent where none is open, or nothing to measure by.',
    labels: { table: configured },
  },
  farshore_backfill_rows_read_total: {
    type: 'counter',
    help: 'Rows that backfills read at the primary; of topics and files records, each twice.',
    labels: { table: configured },
  },
  farshore_backfill_rows_written_total: {
    type: 'counter',
    help: 'Rows that backfills wrote; the others were there already, newer or deleted.',
    labels: { table: configured },
  },
  farshore_backfill_failures_total: {
    type: 'counter',
    help: 'Steps of backfills that failed, by the error.',
    labels: { table: configured, code: codes },
  },
  farshore_read_back_rows_total: {
    type: 'counter',
    help: 'Rows looked at again a moment after apply wrote them; `missing`, `changed` and `reverted` were written by others behind the daemon.',
    labels: { table: configured, result: ['equal', 'missing', 'changed', 'reverted', 'unread'] },
  },
  farshore_records_rejected_total: {
    type: 'counter',
    help: 'Records that could not be applied and are kept in farshore.rejected_records, by the error that refused them.',
    labels: { table: configured, code: codes },
  },
  farshore_rejected_retries_total: {
    type: 'counter',
    help: 'Kept records that were tried again: applied, superseded by what the region holds already, or rejected again.',
    labels: { table: configured, result: ['applied', 'superseded', 'rejected'] },
  },
  farshore_rejected_published_total: {
    type: 'counter',
    help: 'Rejected records published to TOPIC.farshore.rejected, by the table that could not take them.',
    labels: { table: configured },
  },
  farshore_rejected_publish_failures_total: {
    type: 'counter',
    help: 'Attempts to publish a rejected record that failed; it is tried again.',
    labels: { code: codes },
  },
  farshore_rejected_discarded_total: { type: 'counter', help: 'Kept records that an operator gave up.', labels: {} },
  farshore_rejected_expired_total: {
    type: 'counter',
    help: 'Kept records that were dropped after rejected.retention.',
    labels: {},
  },
  farshore_rejected_records: {
    type: 'gauge',
    help: 'Rejected records that are kept now; absent while not known, and of a daemon that stands by.',
    labels: { table: configured },
  },
  farshore_parked_records: {
    type: 'gauge',
    help: 'Records that wait for another row now; absent while not known, and of a daemon that stands by.',
    labels: { table: configured },
  },
  farshore_tombstones_pruned_total: {
    type: 'counter',
    help: 'Remembered deletes that were dropped: no update from before them can come any more.',
    labels: { table: configured },
  },
  farshore_apply_latency_seconds: {
    type: 'histogram',
    help: 'From the timestamp of a batch’s newest record to its commit. Holds the difference of two clocks; below zero counts as zero.',
    labels: { table: configured },
    buckets: lagSeconds,
  },
  farshore_apply_batch_duration_seconds: {
    type: 'histogram',
    help: 'Time of one apply transaction.',
    labels: { table: configured },
    buckets: workSeconds,
  },
  farshore_apply_batch_records: {
    type: 'histogram',
    help: 'Records an apply transaction covers.',
    labels: { table: configured },
    buckets: [1, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000],
  },
  farshore_apply_retries_total: { type: 'counter', help: 'Apply batches tried again.', labels: { code: codes } },

  // partitions and tables
  farshore_partitions: {
    type: 'gauge',
    help: 'Partitions of a stage by state.',
    labels: { stage: stages, state: ['running', 'waiting', 'paused', 'stopped'] },
  },
  farshore_partitions_stopped: {
    type: 'gauge',
    help: 'Partitions of a stage that wait for an operator after an error.',
    labels: { stage: stages },
  },
  farshore_tables_stopped: { type: 'gauge', help: 'Tables that wait for an operator after an error.', labels: {} },
  farshore_partition_stops_total: { type: 'counter', help: 'Times a partition stopped.', labels: { stage: stages, code: codes } },
  farshore_partition_actions_total: {
    type: 'counter',
    help: 'Partitions an operator paused or resumed.',
    labels: { stage: stages, action: ['paused', 'resumed'] },
  },
  farshore_needs_full_audit: {
    type: 'gauge',
    help: '1 for a table that may hold rows whose delete was never seen: its compacted topic stood unread for longer than delete.retention.ms. Absent otherwise.',
    labels: { table: configured },
  },
  farshore_full_audits_needed_total: {
    type: 'counter',
    help: 'Times a compacted topic was found to have stood unread for longer than delete.retention.ms.',
    labels: { stage: stages },
  },
  farshore_lost_records_total: {
    type: 'counter',
    help: 'Upper bound, in offsets, of records that were gone before a stage could read them.',
    labels: { topic: configured },
  },

  ...shadowIntakeInstruments,
  ...shadowInstruments,

  // cutover
  farshore_gate_open: {
    type: 'gauge',
    help: '1 while a gate of the cutover is open, 0 while it is shut; absent on a daemon that stands by, and while the gates are not read.',
    labels: { gate: gateNames },
  },
  farshore_cutover_state: {
    type: 'gauge',
    help: '1 for the state the cutover is in, 0 for the others; absent while it was not read.',
    labels: { state: cutoverStates },
  },
  farshore_cutover_transitions_total: {
    type: 'counter',
    help: 'Changes of state, by the state that was entered.',
    labels: { state: cutoverStates },
  },
  farshore_cutover_steps_total: {
    type: 'counter',
    help: 'Steps of a cutover that ended, by what they came to. One that failed has the cutover go back, or is tried again.',
    labels: { step: [...forwardSteps, ...backSteps], result: ['done', 'failed'] },
  },
  farshore_unmirrored_tail_records_total: {
    type: 'counter',
    help: 'Upper bound, in offsets, of records that a primary that was given up has in its log and the region never had.',
    labels: { topic: configured },
  },
  farshore_cutover_hooks_total: { type: 'counter', help: 'Hooks of the cutover that were run.', labels: { result: ['done', 'failed'] } },
  // daemon
  farshore_logins_not_renewed_total: {
    type: 'counter',
    help: 'Connections that were to be replaced by one with a new login, and go on because that was refused.',
    labels: { component: components },
  },
  farshore_job_failures_total: {
    type: 'counter',
    help: 'Runs of scheduled work that failed; the next run makes up for them.',
    labels: { job: jobs, code: codes },
  },
  farshore_component_up: { type: 'gauge', help: '1 while a dependency answers.', labels: { component: components } },
  farshore_leader: { type: 'gauge', help: '1 while this daemon holds the region’s lease, 0 while it stands by.', labels: {} },
  farshore_fencing_epoch: { type: 'gauge', help: 'Epoch of the lease this daemon holds; absent while it holds none.', labels: {} },
  farshore_schema_fetches_total: {
    type: 'counter',
    help: 'Schemas asked of the registry (found, missing, failed) or read from the kept copies (kept).',
    labels: { result: ['found', 'missing', 'failed', 'kept'] },
  },
  farshore_buffer_bytes: { type: 'gauge', help: 'Bytes of record batches held in memory.', labels: { stage: stages } },
  farshore_build_info: { type: 'gauge', help: 'Always 1; says what runs.', labels: { version: configured, node_version: configured } },
  farshore_config_info: { type: 'gauge', help: 'Always 1; digest of the configuration in force.', labels: { sha256: configured } },
} as const satisfies Readonly<Record<string, Instrument>>;

type Instruments = typeof instruments;
export type InstrumentName = keyof Instruments;

/** Names of one kind of instrument, so that a counter cannot be set nor a gauge observed. */
export type InstrumentOf<T extends Instrument['type']> = {
  [N in InstrumentName]: Instruments[N]['type'] extends T ? N : never;
}[InstrumentName];

/** Exactly the labels of an instrument, closed ones with their values. */
export type LabelsOf<N extends InstrumentName> = {
  readonly [L in keyof Instruments[N]['labels']]: Instruments[N]['labels'][L] extends readonly (infer V)[] ? V : string | number;
};

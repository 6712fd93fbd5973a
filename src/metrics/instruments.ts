import { errorCodes } from '../model/errors.ts';
import { components } from '../model/events.ts';

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
    labels: { change: ['found', 'created', 'grown', 'missing', 'configs_synced'] },
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
  farshore_lost_records_total: {
    type: 'counter',
    help: 'Upper bound, in offsets, of records that were gone before a stage could read them.',
    labels: { topic: configured },
  },

  // daemon
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

import { clusters, codes, type Instrument, lagSeconds, lagStages, partition, stages, workSeconds } from './instrument.ts';

/** How far behind each stage is, and the heartbeats that prove it. Spread into instruments.ts. */
export const lagInstruments = {
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
} as const satisfies Readonly<Record<string, Instrument>>;

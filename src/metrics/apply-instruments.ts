import { codes, configured, type Instrument, lagSeconds, workSeconds } from './instrument.ts';

/** What became of the records apply read. Spread into instruments.ts. */
export const applyInstruments = {
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
  farshore_records_unrouted_total: {
    type: 'counter',
    help: 'Records that no table entry of their topic takes: another record name, event type or operation.',
    labels: { topic: configured },
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
} as const satisfies Readonly<Record<string, Instrument>>;

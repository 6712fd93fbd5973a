import { codes, configured, type Instrument, stages } from './instrument.ts';

/** What the audit compared, found and repaired, and what was looked at again after it was written. Spread into instruments.ts. */
export const auditInstruments = {
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
  farshore_read_back_rows_total: {
    type: 'counter',
    help: 'Rows looked at again a moment after apply wrote them; `missing`, `changed` and `reverted` were written by others behind the daemon.',
    labels: { table: configured, result: ['equal', 'missing', 'changed', 'reverted', 'unread'] },
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
} as const satisfies Readonly<Record<string, Instrument>>;

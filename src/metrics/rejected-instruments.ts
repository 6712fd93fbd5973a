import { codes, configured, type Instrument } from './instrument.ts';

/** Records that wait for another row, and those that could not be applied. Spread into instruments.ts. */
export const rejectedInstruments = {
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
} as const satisfies Readonly<Record<string, Instrument>>;

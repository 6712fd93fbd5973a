import { codes, configured, type Instrument } from './instrument.ts';

/** Backfills of tables. Spread into instruments.ts. */
export const backfillInstruments = {
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
} as const satisfies Readonly<Record<string, Instrument>>;

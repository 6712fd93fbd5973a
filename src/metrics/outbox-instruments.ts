import { codes, configured, type Instrument } from './instrument.ts';

/** What the outbox relay sends to the home. Spread into instruments.ts. */
export const outboxInstruments = {
  farshore_outbox_relayed: {
    type: 'gauge',
    help: 'Always 1, of the daemon that relays the outbox: while its figures are absent they are not known. Absent where the relay is off.',
    labels: {},
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
} as const satisfies Readonly<Record<string, Instrument>>;

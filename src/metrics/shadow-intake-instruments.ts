import { shadowSides, shadowSources } from '../shadow/contracts.ts';
import { codes } from './instrument.ts';

/** What comes in to be compared, and what of it never is. Spread into instruments.ts. */

const outcomes = [
  ...['taken', 'queue_full', 'rate', 'busy', 'concurrency', 'breaker_open', 'stopping'],
  ...['unsafe_method', 'not_sampled', 'too_large', 'malformed', 'own_request'],
] as const;

export const shadowIntakeInstruments = {
  farshore_shadow_requests_total: {
    type: 'counter',
    help: 'Requests that came to the shadow: taken, shed because of load (queue_full, rate, busy, concurrency, breaker_open, stopping) or skipped.',
    labels: { source: shadowSources, outcome: outcomes },
  },
  farshore_shadow_topic_failures_total: {
    type: 'counter',
    help: 'Times that the topic of requests could not be read; it is tried again.',
    labels: { code: codes },
  },
  farshore_shadow_queue_requests: { type: 'gauge', help: 'Requests that wait to be compared.', labels: {} },
  farshore_shadow_queue_bytes: { type: 'gauge', help: 'Bytes of the requests that wait to be compared.', labels: {} },
  farshore_shadow_breaker_open: {
    type: 'gauge',
    help: '1 while a side failed so often that nothing is asked of it.',
    labels: { side: shadowSides },
  },
} as const;

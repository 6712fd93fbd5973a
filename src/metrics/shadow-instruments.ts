import { shadowResults } from '../model/shadow-view.ts';
import { codes, configured } from './instrument.ts';

/**
 * What comparing found. Spread into instruments.ts. Routes are those of the configuration, at most `shadow.compare.otherRoutes` more with
 * their ids left out, and `other`.
 */

const route = { route: configured } as const;

export const shadowInstruments = {
  farshore_shadow_comparisons_total: {
    type: 'counter',
    help: 'Requests of users compared between primary and region. match: equal; mismatch: confirmed between equal answers of the primary, after the region had passed its ends; noise: differs only where the primary differs from itself; lag: right once the region had passed; unsettled: neither confirmed nor taken back, counted against the ratio; error: a side did not answer, or the primary answered 401, 403, 407, 429 or 5xx; shed: not asked because of load; skipped: too large, too deep or too costly to compare.',
    labels: { ...route, result: shadowResults },
  },
  farshore_shadow_match_ratio: {
    type: 'gauge',
    help: 'Part of the compared answers that were right (match, noise, lag), over shadow.compare.windowHours. What was unsettled or not answered by the region counts as wrong. Absent without any.',
    labels: route,
  },
  farshore_shadow_match_ratio_lower_bound: {
    type: 'gauge',
    help: 'Lower bound of that ratio (Wilson score at 95 %): few samples cannot pass for many. Gates read this one.',
    labels: route,
  },
  farshore_shadow_samples: {
    type: 'gauge',
    help: 'Comparisons that were settled (match, noise, lag, mismatch) over the same time.',
    labels: route,
  },
  farshore_shadow_last_comparison_age_seconds: {
    type: 'gauge',
    help: 'Time since a comparison was last settled or found unsettled: grows while the shadow starves. Absent before the first, and of a daemon that compares nothing.',
    labels: {},
  },
  farshore_shadow_waiting: { type: 'gauge', help: 'Differences that wait to be asked again.', labels: {} },
  farshore_shadow_answer_duration_seconds: {
    type: 'histogram',
    help: 'Time to the last byte of the first answer of each side.',
    labels: { ...route, side: ['primary', 'region'] },
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  },
  farshore_shadow_mismatched_places_total: {
    type: 'counter',
    help: 'Places in answers at which a mismatch was confirmed for the first time.',
    labels: route,
  },
  farshore_shadow_failures_total: { type: 'counter', help: 'Comparisons that ended by an error of Farshore itself.', labels: route },
  farshore_shadow_store_failures_total: {
    type: 'counter',
    help: 'Times that what the shadow found could not be read or kept; it is tried again.',
    labels: { code: codes },
  },
} as const;

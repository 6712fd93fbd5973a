/**
 * Once the home is the region its mirror from the primary rests, and nothing comes through it: what the mirror, and the whole path, were last
 * measured at is of a time that is over, and only grows. What apply does is measured as ever.
 */
const homeHere = 'max by (region) (farshore_cutover_state{state=~"switched|completed"}) == 1';

export const unlessHomeHere = (expr: string): string => `${expr} unless on (region) ${homeHere}`;

/** A metric of lag by stage: of all stages, and of apply alone while the home is here. */
export const stagesAtWork = (metric: 'farshore_replication_lag_seconds' | 'farshore_lag_known'): string =>
  `(${metric}{stage="apply"} or (${unlessHomeHere(`${metric}{stage!="apply"}`)}))`;

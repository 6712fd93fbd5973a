import { stagesAtWork } from './home-here.ts';

/**
 * The objective: in 99.5 % of the time no topic of a region is more than 60 s behind, and all of them are measured. It counts time, not
 * records: while everything stands still there are none. What is not known, and a region that is silent, count as bad. Of a region that is the
 * home apply alone counts.
 */
export const budget = 0.005;
const TARGET_SECONDS = 60;
/** For how long a region that fell silent counts as bad; after that it is taken for decommissioned. */
const SILENT_FOR = '6h';

export const windows = ['5m', '30m', '1h', '6h', '3d'] as const;

export const recordingRules: readonly { readonly record: string; readonly expr: string }[] = [
  {
    record: 'farshore:lag_good:bool',
    expr: `(max by (region) ${stagesAtWork('farshore_replication_lag_seconds')} <= bool ${TARGET_SECONDS})
* on (region) min by (region) ${stagesAtWork('farshore_lag_known')}
or 0 * max by (region) (present_over_time(farshore_leader[${SILENT_FOR}]))`,
  },
  ...windows.map((window) => ({
    record: `farshore:lag_bad:ratio_${window}`,
    expr: `1 - avg_over_time(farshore:lag_good:bool[${window}])`,
  })),
];

/** The budget is used up `factor` times as fast as it may, over the long window and still over the short one. */
export const burning = (factor: number, long: (typeof windows)[number], short: (typeof windows)[number]): string =>
  `farshore:lag_bad:ratio_${long} > ${factor} * ${budget} and farshore:lag_bad:ratio_${short} > ${factor} * ${budget}`;

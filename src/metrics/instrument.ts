import { errorCodes } from '../model/errors.ts';

/** Label values that come from the configuration, as topics and tables do; never from records. */
export const configured = 'configured';

export interface Instrument {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Each label with its closed set of values, or `configured`. */
  readonly labels: Readonly<Record<string, readonly string[] | typeof configured>>;
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

export const codes = Object.keys(errorCodes) as (keyof typeof errorCodes)[];
export const stages = ['mirror', 'apply'] as const;
export const lagStages = ['mirror', 'apply', 'total'] as const;
export const clusters = ['primary', 'regional'] as const;
export const partition = { topic: configured, partition: configured } as const;

/** Bounds of buckets for the time of a piece of work. */
export const workSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** Bounds of buckets for times that are paged on. */
export const lagSeconds = [...workSeconds, 30, 60, 300, 900] as const;

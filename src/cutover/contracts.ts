import type { CutoverLogEntry } from '../model/cutover.ts';
import type { Cutover, LogEntry } from './state.ts';

/** A value and the monotonic time before it was taken, or why there is none. Missing is never zero. */
export type Measurement<T> =
  | { readonly kind: 'measured'; readonly atMs: number; readonly value: T }
  | { readonly kind: 'missing'; readonly reason: string };

export interface LagMeasured {
  readonly partitions: number;
  /** Places whose lag is not known (C21). */
  readonly unknown: readonly string[];
  /** Of the partition that is furthest behind; null while one is not known. */
  readonly worstSeconds: number | null;
  readonly worstPlace: string | null;
  /**
   * How long the last stable offset that stands still longest has lain below its high watermark, by cluster: records behind an open transaction,
   * which lag does not see. Null: no end of that cluster was read, and no lag is known by it either.
   */
  readonly stuckSeconds: { readonly primary: number | null; readonly region: number | null };
}

export interface DivergenceMeasured {
  readonly tables: readonly {
    readonly table: string;
    /** Rows confirmed by the bracket of C19, and not resolved. */
    readonly divergentRows: number;
    /** Part of its rows that the last full pass compared, 0 to 1. */
    readonly coverage: number;
    /** Since the oldest of what was compared; null: never audited. */
    readonly ageSeconds: number | null;
  }[];
}

export interface ShadowMeasured {
  /** Lower bound of the share of answers that match (Wilson), 0 to 1. */
  readonly score: number;
  /** Comparisons in the sample, those that did not settle among them. */
  readonly samples: number;
  /** Counted against the samples, never as a match (C20). */
  readonly unsettled: number;
}

/** What the gates look at. Whoever measures fills in what it has; the rest is missing, and shut. */
export interface GateMeasurements {
  readonly partitions: Measurement<{ readonly total: number; readonly notRunning: readonly string[] }>;
  readonly lag: Measurement<LagMeasured>;
  readonly heartbeat: Measurement<{ readonly ageSeconds: number }>;
  readonly fullAudit: Measurement<{ readonly tables: readonly string[] }>;
  /** Of those that have not ended. */
  readonly backfill: Measurement<{ readonly open: readonly { readonly table: string; readonly state: string }[] }>;
  readonly schema: Measurement<{ readonly tables: number; readonly problems: readonly string[] }>;
  readonly rejected: Measurement<{ readonly records: number }>;
  readonly parked: Measurement<{ readonly records: number }>;
  readonly divergence: Measurement<DivergenceMeasured>;
  readonly shadow: Measurement<ShadowMeasured>;
  readonly reversePath: Measurement<{
    readonly roundTripAgeSeconds: number;
    /** Undefined where the region has no registry of its own. */
    readonly schemas?: { readonly carried: number; readonly notBack: number } | undefined;
  }>;
  readonly hold: Measurement<{ readonly by: string; readonly reason: string } | null>;
}

/** The file that holds the cutover while it exists. */
export type Brake = { readonly kind: 'none' | 'on' } | { readonly kind: 'unknown'; readonly reason: string };

export interface GateLimits {
  /** A measurement that is older counts as missing. */
  readonly staleSeconds: number;
  readonly lag: { readonly maxSeconds: number };
  readonly heartbeat: { readonly maxAgeSeconds: number };
  /** The ledger is looked at once a minute, and at once when something is found: an age of its own. */
  readonly fullAudit: { readonly maxAgeSeconds: number };
  /** Schemas are asked of a registry: seldom, and so with an age of their own. */
  readonly schema: { readonly maxAgeSeconds: number };
  readonly rejected: { readonly max: number };
  readonly parked: { readonly max: number };
  readonly divergence: { readonly maxRows: number; readonly minCoverage: number; readonly maxAgeSeconds: number };
  readonly shadow: { readonly minScore: number; readonly minSamples: number; readonly required?: boolean | undefined };
  readonly reversePath: { readonly maxAgeSeconds: number; readonly required?: boolean | undefined };
}

export type SaveOutcome = 'saved' | 'changed_meanwhile';

/** farshore.cutover and its log, in the regional database. */
export interface CutoverStore {
  /** Undefined before the first daemon was active. */
  load(signal: AbortSignal): Promise<Cutover | undefined>;
  /** Writes the first row where there is none, and answers what is there. */
  ensure(first: Cutover, signal: AbortSignal): Promise<Cutover>;
  /** Row, log and writer epoch together, where the row is still the one that was seen. Rejects with `fenced` when another daemon took over. */
  save(seen: Cutover, next: Cutover, entry: LogEntry, signal: AbortSignal): Promise<SaveOutcome>;
  log(limit: number, signal: AbortSignal): Promise<readonly CutoverLogEntry[]>;
}

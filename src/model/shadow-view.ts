/** What the shadow has found, as /api/shadow, `farshore shadow` and the gate of a cutover read it. */

export const shadowResults = ['match', 'mismatch', 'noise', 'lag', 'unsettled', 'error', 'shed', 'skipped'] as const;
export type ShadowResult = (typeof shadowResults)[number];
export type ShadowCounts = Readonly<Record<ShadowResult, number>>;

export interface ShadowView {
  /** Whether this daemon compares now: an active one with a shadow. */
  readonly comparing: boolean;
  /** Hours that counts and ratios look back. */
  readonly windowHours: number;
  /** Since the last comparison that came to a match or a difference; null before the first of this daemon. */
  readonly secondsSinceComparison: number | null;
  /** Differences that wait to be asked again. */
  readonly waiting: number;
  /** Comparisons of paths without a configured route that found no room for a group of their own. */
  readonly ungrouped: number;
  readonly total: ShadowScore;
  /** The worst first. */
  readonly routes: readonly ShadowRouteView[];
}

export interface ShadowScore {
  readonly counts: ShadowCounts;
  /** Comparisons that were settled: match, noise, lag and mismatch. */
  readonly samples: number;
  /** Part of the settled, the unsettled and those the region did not answer that were right; null without any. */
  readonly ratio: number | null;
  /** Lower bound of the ratio, Wilson score at 95 %. */
  readonly lowerBound: number | null;
}

export interface ShadowRouteView extends ShadowScore {
  readonly route: string;
  readonly noiseSamples: number;
  readonly latency: { readonly primary: ShadowLatency | null; readonly region: ShadowLatency | null };
  /** Places that differed, the heaviest first. */
  readonly fields: readonly ShadowFieldView[];
}

export interface ShadowLatency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface ShadowFieldView {
  readonly path: string;
  readonly kind: string;
  readonly result: ShadowDiffResult;
  readonly count: number;
  /** Each answer has the weight 1, shared by the places that differed in it: causes stand above effects. */
  readonly weight: number;
  readonly rawRate: number;
  readonly noiseRate: number;
  readonly lastSeen: string;
}

export const shadowDiffResults = ['mismatch', 'unsettled', 'noise'] as const;
export type ShadowDiffResult = (typeof shadowDiffResults)[number];

export interface ShadowDiffFilter {
  readonly route: string | undefined;
  readonly result: ShadowDiffResult | undefined;
  readonly limit: number;
}

/** One place that differed, with its last example. */
export interface ShadowDiff {
  readonly route: string;
  readonly path: string;
  readonly kind: string;
  readonly result: ShadowDiffResult;
  readonly count: number;
  readonly weight: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** Null where `shadow.compare.samples.keep` is off. */
  readonly example: ShadowExample | null;
}

/** Both sides of one difference; values are redacted by rule. Null: that side has nothing there. */
export interface ShadowExample {
  readonly method: string;
  /** Path, and names of the query; its values are left out. */
  readonly target: string;
  readonly place: string;
  readonly primary: string | null;
  readonly region: string | null;
}

const noCounts: ShadowCounts = { match: 0, mismatch: 0, noise: 0, lag: 0, unsettled: 0, error: 0, shed: 0, skipped: 0 };

/** Of a daemon that compares nothing. */
export const noShadowView: ShadowView = {
  comparing: false,
  windowHours: 0,
  secondsSinceComparison: null,
  waiting: 0,
  ungrouped: 0,
  total: { counts: noCounts, samples: 0, ratio: null, lowerBound: null },
  routes: [],
};

import {
  type ShadowCounts,
  type ShadowDiffResult,
  type ShadowExample,
  type ShadowResult,
  type ShadowRouteView,
  type ShadowScore,
  shadowResults,
} from '../model/shadow-view.ts';
import type { DifferenceKind } from './difference.ts';
import { Latencies } from './latencies.ts';
import { type NoiseThresholds, RouteNoise } from './noise.ts';
import { wilsonLowerBound } from './wilson.ts';

const HOUR_MS = 3_600_000;
/** Places of one route that are remembered; the lightest make room. */
const MAX_FIELDS = 100;
/** Of these, the heaviest: a view holds hundreds of routes. */
const SHOWN_FIELDS = 20;

/** Counts of one hour. `region_error` are those of `error` in which the primary answered and the region did not. */
export type HourCounts = Record<ShadowResult | 'region_error', number>;

export interface KeptHour {
  readonly route: string;
  readonly hourMs: number;
  readonly counts: Readonly<HourCounts>;
}

export interface KeptField {
  readonly route: string;
  readonly path: string;
  readonly kind: DifferenceKind;
  readonly result: ShadowDiffResult;
  readonly count: number;
  readonly weight: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly example: ShadowExample | null;
}

interface Field {
  kept: KeptField;
}

const noCounts = (): HourCounts => ({
  ...{ match: 0, mismatch: 0, noise: 0, lag: 0, unsettled: 0, error: 0, shed: 0, skipped: 0 },
  region_error: 0,
});

/** What is known of one route: counts by hour, places that differed, noise and how long answers took. All of it is bounded. */
export class RouteStatistics {
  readonly route: string;
  readonly noise: RouteNoise;
  readonly latency = { primary: new Latencies(), region: new Latencies() };
  readonly #hours = new Map<number, HourCounts>();
  readonly #fields = new Map<string, Field>();
  readonly #changedHours = new Set<number>();
  readonly #changedFields = new Set<string>();

  constructor(route: string, noise: NoiseThresholds) {
    this.route = route;
    this.noise = new RouteNoise(noise);
  }

  restoreHour({ hourMs, counts }: KeptHour): void {
    this.#hours.set(hourMs, { ...counts });
  }

  restoreField(field: KeptField): void {
    this.#fields.set(fieldKey(field), { kept: { ...field, example: null } });
  }

  count(result: ShadowResult | 'region_error', wallMs: number, windowHours: number): void {
    const hourMs = Math.floor(wallMs / HOUR_MS) * HOUR_MS;
    const counts = this.#hours.get(hourMs) ?? noCounts();
    if (!this.#hours.has(hourMs)) {
      this.#hours.set(hourMs, counts);
      this.#forgetHours(hourMs - windowHours * HOUR_MS);
    }
    counts[result] += 1;
    this.#changedHours.add(hourMs);
  }

  /** Answers whether it was not known of the route before. */
  differed(field: Omit<KeptField, 'route' | 'count' | 'firstSeenMs'>): boolean {
    const key = fieldKey(field);
    const known = this.#fields.get(key);
    this.#changedFields.add(key);
    if (known !== undefined) {
      const { kept } = known;
      known.kept = { ...kept, ...field, count: kept.count + 1, weight: kept.weight + field.weight, example: field.example ?? kept.example };
      return false;
    }
    if (this.#fields.size >= MAX_FIELDS) this.#dropLightest();
    this.#fields.set(key, { kept: { ...field, route: this.route, count: 1, firstSeenMs: field.lastSeenMs } });
    return true;
  }

  /** Forgets places that were last seen before then. */
  forgetBefore(wallMs: number): void {
    for (const [key, { kept }] of this.#fields) {
      if (kept.lastSeenMs >= wallMs) continue;
      this.#fields.delete(key);
      this.#changedFields.delete(key);
    }
  }

  /**
   * What changed since the last call: whole counts, so that writing them twice is the same as once. Examples are handed over with it: the
   * database holds them from then on, since those of every place of every route together are large.
   */
  takeChanges(): { readonly hours: readonly KeptHour[]; readonly fields: readonly KeptField[] } {
    const hours = [...this.#changedHours].map((hourMs) => ({ route: this.route, hourMs, counts: { ...this.#hours.get(hourMs)! } }));
    const fields = [...this.#changedFields].flatMap((key) => {
      const field = this.#fields.get(key);
      if (field === undefined) return [];
      const { kept } = field;
      field.kept = { ...kept, example: null };
      return [kept];
    });
    this.#changedHours.clear();
    this.#changedFields.clear();
    return { hours, fields };
  }

  /** Those of a write that failed. */
  putBack({ hours, fields }: { readonly hours: readonly KeptHour[]; readonly fields: readonly KeptField[] }): void {
    for (const { hourMs } of hours) if (this.#hours.has(hourMs)) this.#changedHours.add(hourMs);
    for (const field of fields) {
      const known = this.#fields.get(fieldKey(field));
      if (known === undefined) continue;
      known.kept = { ...known.kept, example: known.kept.example ?? field.example };
      this.#changedFields.add(fieldKey(field));
    }
  }

  counts(wallMs: number, windowHours: number): HourCounts {
    const sum = noCounts();
    for (const [hourMs, counts] of this.#hours) {
      if (hourMs <= wallMs - windowHours * HOUR_MS) continue;
      for (const [name, count] of Object.entries(counts) as [keyof HourCounts, number][]) sum[name] += count;
    }
    return sum;
  }

  view(wallMs: number, windowHours: number): ShadowRouteView {
    const fields = [...this.#fields.values()].map(({ kept }) => {
      const { raw, noise } = this.noise.rates(kept.path);
      const { path, kind, result, count, weight } = kept;
      return { path, kind, result, count, weight, rawRate: raw, noiseRate: noise, lastSeen: new Date(kept.lastSeenMs).toISOString() };
    });
    return {
      route: this.route,
      ...scoreOf(this.counts(wallMs, windowHours)),
      noiseSamples: Math.round(this.noise.samples.noise),
      latency: { primary: this.latency.primary.view(), region: this.latency.region.view() },
      fields: fields.toSorted((a, b) => resultRank(a.result) - resultRank(b.result) || b.weight - a.weight).slice(0, SHOWN_FIELDS),
    };
  }

  #forgetHours(beforeMs: number): void {
    for (const hourMs of this.#hours.keys()) if (hourMs < beforeMs && !this.#changedHours.has(hourMs)) this.#hours.delete(hourMs);
  }

  #dropLightest(): void {
    let lightest: string | undefined;
    let weight = Number.POSITIVE_INFINITY;
    for (const [key, { kept }] of this.#fields) {
      // A confirmed difference is not displaced by any number of others.
      const weighs = kept.result === 'mismatch' ? kept.weight + 1e12 : kept.weight;
      if (weighs >= weight) continue;
      weight = weighs;
      lightest = key;
    }
    if (lightest === undefined) return;
    this.#fields.delete(lightest);
    this.#changedFields.delete(lightest);
  }
}

const resultRank = (result: ShadowDiffResult): number => ['mismatch', 'unsettled', 'noise'].indexOf(result);
const fieldKey = ({ path, kind, result }: Pick<KeptField, 'path' | 'kind' | 'result'>): string => `${result} ${kind} ${path}`;

/** What was not settled, or not answered by the region, counts in the ratio and is never a match. */
export function scoreOf({ region_error: regionErrors, ...counts }: HourCounts): ShadowScore {
  const { match, noise, lag, mismatch, unsettled } = counts;
  const right = match + noise + lag;
  const asked = right + mismatch + unsettled + regionErrors;
  return {
    counts: counts satisfies ShadowCounts,
    samples: right + mismatch,
    ratio: asked === 0 ? null : right / asked,
    lowerBound: wilsonLowerBound(right, asked) ?? null,
  };
}

export function sumOf(all: Iterable<HourCounts>): HourCounts {
  const sum = noCounts();
  for (const counts of all) for (const name of [...shadowResults, 'region_error'] as const) sum[name] += counts[name];
  return sum;
}

import type { Clock } from '../model/clock.ts';
import type { Observe } from '../model/events.ts';
import type { ShadowDiffResult, ShadowExample, ShadowRouteView, ShadowView } from '../model/shadow-view.ts';
import type { ShadowRequest } from './contracts.ts';
import type { Difference } from './difference.ts';
import type { NoiseThresholds } from './noise.ts';
import { type Redactor, shownTarget } from './redact.ts';
import { RouteStatistics, scoreOf, sumOf } from './route-statistics.ts';
import { RouteGroups } from './routes.ts';
import type { KeptStatistics } from './shadow-store.ts';
import type { Verdict } from './verdict.ts';

export interface ScoreSettings {
  readonly routes: readonly string[];
  readonly otherRoutes: number;
  readonly noise: NoiseThresholds;
  readonly windowHours: number;
  readonly retentionDays: number;
  /** Whether examples are kept. */
  readonly keepSamples: boolean;
}

/** How long each side took, where it answered. */
export interface Took {
  readonly primaryMs: number | undefined;
  readonly regionMs: number | undefined;
}

const HOUR_MS = 3_600_000;

/** What is confirmed before what is only not shown to be right; a route without comparisons last. */
const worstFirst = (a: ShadowRouteView, b: ShadowRouteView): number =>
  b.counts.mismatch - a.counts.mismatch || (a.lowerBound ?? 1) - (b.lowerBound ?? 1);

/** What came of the comparisons, by route. As many routes as are configured and allowed beside them, whatever is asked. */
export class Scoreboard {
  readonly #settings: ScoreSettings;
  readonly #redactor: Redactor;
  readonly #clock: Clock;
  readonly #observe: Observe;
  readonly #groups: RouteGroups;
  readonly #routes = new Map<string, RouteStatistics>();
  #comparedAtMs: number | undefined;

  constructor(settings: ScoreSettings, redactor: Redactor, clock: Clock, observe: Observe) {
    this.#settings = settings;
    this.#redactor = redactor;
    this.#clock = clock;
    this.#observe = observe;
    this.#groups = new RouteGroups(settings.routes, settings.otherRoutes);
    for (const route of settings.routes) this.#statistics(route);
  }

  get oldestHourMs(): number {
    return this.#clock.wallMs() - this.#settings.windowHours * HOUR_MS;
  }

  /** Once, before the first comparison. Routes that are configured no longer are left where they are. */
  restore({ hours, fields }: KeptStatistics): void {
    this.#groups.restore([...hours, ...fields].map(({ route }) => route));
    const isKnown = (route: string): boolean => this.#groups.has(route);
    for (const hour of hours) if (isKnown(hour.route)) this.#statistics(hour.route).restoreHour(hour);
    for (const field of fields) if (isKnown(field.route)) this.#statistics(field.route).restoreField(field);
  }

  route({ method, path }: ShadowRequest): RouteStatistics {
    return this.#statistics(this.#groups.of(method, path));
  }

  settle(statistics: RouteStatistics, request: ShadowRequest, verdict: Verdict, { primaryMs, regionMs }: Took): void {
    const { route, noise, latency } = statistics;
    const { windowHours } = this.#settings;
    const nowMs = this.#clock.wallMs();
    statistics.count(verdict.result, nowMs, windowHours);
    if (verdict.result === 'error' && verdict.side === 'region') statistics.count('region_error', nowMs, windowHours);
    if (primaryMs !== undefined) latency.primary.add(primaryMs);
    if (regionMs !== undefined) latency.region.add(regionMs);
    if (verdict.result !== 'error' && verdict.result !== 'shed' && verdict.result !== 'skipped') {
      this.#comparedAtMs = this.#clock.monotonicMs();
      const differences = 'differences' in verdict ? verdict.differences : [];
      // Before the counts change what is noise: the places are told as the verdict saw them.
      this.#differed(statistics, request, verdict.result, differences);
      noise.compared(differences.map(({ path }) => path));
    }
    const reason = 'reason' in verdict ? verdict.reason : undefined;
    this.#observe({ type: 'shadow_compared', route, result: verdict.result, reason, primaryMs, regionMs });
  }

  #differed(statistics: RouteStatistics, request: ShadowRequest, result: Verdict['result'], differences: readonly Difference[]): void {
    const { route, noise } = statistics;
    const places = new Map(differences.map((difference) => [`${difference.kind} ${difference.path}`, difference]));
    for (const difference of places.values()) {
      const { path, kind } = difference;
      // What remains beside lag is noise: the verdict says so.
      const isNoise = noise.standing(path) === 'noise' || result === 'noise' || result === 'lag';
      const place: ShadowDiffResult = isNoise ? 'noise' : result === 'mismatch' ? 'mismatch' : 'unsettled';
      const example = this.#settings.keepSamples ? this.#example(request, difference) : null;
      const isNew = statistics.differed({ path, kind, result: place, weight: 1 / places.size, lastSeenMs: this.#clock.wallMs(), example });
      if (isNew && place === 'mismatch') this.#observe({ type: 'shadow_mismatch_found', route, path, kind });
    }
  }

  #example({ method, path, query }: ShadowRequest, difference: Difference): ShadowExample | null {
    if (difference.primary === undefined && difference.region === undefined) return null;
    const primary = this.#redactor.shown(difference, difference.primary);
    const region = this.#redactor.shown(difference, difference.region);
    return { method, target: shownTarget(path, query), place: difference.place, primary, region };
  }

  takeChanges(): KeptStatistics {
    const oldest = this.#clock.wallMs() - this.#settings.retentionDays * 24 * HOUR_MS;
    const changes = [...this.#routes.values()].map((statistics) => {
      statistics.forgetBefore(oldest);
      return statistics.takeChanges();
    });
    return { hours: changes.flatMap(({ hours }) => hours), fields: changes.flatMap(({ fields }) => fields) };
  }

  /** Those of a write that failed. */
  putBack({ hours, fields }: KeptStatistics): void {
    for (const [route, statistics] of this.#routes) {
      statistics.putBack({ hours: hours.filter((hour) => hour.route === route), fields: fields.filter((field) => field.route === route) });
    }
  }

  view(waiting: number): ShadowView {
    const { windowHours } = this.#settings;
    const nowMs = this.#clock.wallMs();
    const routes = [...this.#routes.values()];
    const sinceMs = this.#comparedAtMs === undefined ? null : this.#clock.monotonicMs() - this.#comparedAtMs;
    return {
      comparing: true,
      windowHours,
      secondsSinceComparison: sinceMs === null ? null : sinceMs / 1_000,
      waiting,
      ungrouped: this.#groups.overflowed,
      total: scoreOf(sumOf(routes.map((statistics) => statistics.counts(nowMs, windowHours)))),
      routes: routes.map((statistics) => statistics.view(nowMs, windowHours)).toSorted(worstFirst),
    };
  }

  #statistics(route: string): RouteStatistics {
    const known = this.#routes.get(route);
    if (known !== undefined) return known;
    const made = new RouteStatistics(route, this.#settings.noise);
    this.#routes.set(route, made);
    return made;
  }
}

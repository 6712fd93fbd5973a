import { randomBytes } from 'node:crypto';
import type { ShadowConfig } from '../config/config.ts';
import type { Clock } from '../model/clock.ts';
import type { Observe } from '../model/events.ts';
import type { Database } from '../postgres/database.ts';
import { shadowStore } from '../postgres/shadow-store.ts';
import type { Asking, NoiseProbe, Passing, RequestQueue } from '../shadow/contracts.ts';
import { compareLimits } from '../shadow/difference.ts';
import { Redactor } from '../shadow/redact.ts';
import { type CompareRule, RuleBook } from '../shadow/rules.ts';
import { Scoreboard } from '../shadow/scoreboard.ts';
import { ShadowStage } from '../shadow/shadow-stage.ts';

export interface ShadowCompareParts {
  readonly compare: ShadowConfig['compare'];
  /** `shadow.concurrency`, and `shadow.maxAnswerBytes`. */
  readonly concurrency: number;
  readonly maxAnswerBytes: number;
  readonly queue: RequestQueue;
  readonly asking: Asking;
  readonly passing: Passing;
  readonly probe: NoiseProbe;
  /** How far the region is behind now; undefined while that is not known. */
  readonly lagMs: () => number | undefined;
  readonly database: Database;
  readonly clock: Clock;
  readonly observe: Observe;
}

/** The comparing half of the shadow from its part of the configuration. */
export function buildShadowStage(parts: ShadowCompareParts): ShadowStage {
  const { compare, concurrency, maxAnswerBytes, queue, asking, passing, probe, lagMs, database, clock, observe } = parts;
  const { confirm, samples, routes, otherRoutes, noise, windowHours, retentionDays, headers } = compare;
  // The key is of this daemon: digests only tell which values of its own examples are equal.
  const redactor = new Redactor(samples, randomBytes(32));
  const scores = new Scoreboard(
    { routes, otherRoutes, noise, windowHours, retentionDays, keepSamples: samples.keep },
    redactor,
    clock,
    observe,
  );
  return new ShadowStage(
    {
      headers,
      limits: { ...compareLimits, bytes: maxAnswerBytes },
      confirm: {
        waitsMs: confirm.waitsSeconds.map((seconds) => seconds * 1_000),
        longestMs: confirm.longestSeconds * 1_000,
        publishAllowanceMs: confirm.publishAllowanceSeconds * 1_000,
        times: confirm.times,
        waiting: confirm.waiting,
      },
      concurrency,
    },
    {
      ...{ queue, asking, passing, probe, lagMs, clock, observe, scores },
      rules: new RuleBook(compare.rules.map(compareRule)),
      store: shadowStore(database),
    },
  );
}

const compareRule = ({ withinSeconds, ...rule }: ShadowConfig['compare']['rules'][number]): CompareRule => ({
  ...rule,
  route: rule.route,
  round: rule.round,
  withinMs: withinSeconds === undefined ? undefined : withinSeconds * 1_000,
  unorderedBy: rule.unorderedBy,
  replace: rule.replace,
});

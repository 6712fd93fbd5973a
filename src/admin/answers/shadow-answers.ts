import {
  type ShadowDiff,
  type ShadowExample,
  type ShadowFieldView,
  type ShadowLatency,
  type ShadowRouteView,
  type ShadowScore,
  type ShadowView,
  shadowDiffResults,
} from '../../model/shadow-view.ts';
import { flag, listOf, named, number, oneOf, orNull, shape, text, time, whole } from './schema-of.ts';

const counts = named<ShadowScore['counts']>('ShadowCounts', {
  match: whole,
  mismatch: whole,
  noise: whole,
  lag: whole,
  unsettled: whole,
  error: whole,
  shed: whole,
  skipped: whole,
});
const score = { counts, samples: whole, ratio: orNull(number), lowerBound: orNull(number) } as const;
const latency = orNull(named<ShadowLatency>('ShadowLatency', { p50Ms: number, p99Ms: number }));

const field = named<ShadowFieldView>('ShadowField', {
  path: text,
  kind: text,
  result: oneOf(shadowDiffResults),
  count: whole,
  weight: number,
  rawRate: number,
  noiseRate: number,
  lastSeen: time,
});

export const shadowAnswer = named<ShadowView>('Shadow', {
  comparing: flag,
  windowHours: number,
  secondsSinceComparison: orNull(number),
  waiting: whole,
  ungrouped: whole,
  total: shape<ShadowScore>(score),
  routes: listOf(
    named<ShadowRouteView>('ShadowRoute', {
      route: text,
      ...score,
      noiseSamples: whole,
      latency: shape<ShadowRouteView['latency']>({ primary: latency, region: latency }),
      fields: listOf(field),
    }),
  ),
});

export const diffsAnswer = shape<{ readonly diffs: readonly ShadowDiff[] }>({
  diffs: listOf(
    named<ShadowDiff>('ShadowDiff', {
      route: text,
      path: text,
      kind: text,
      result: oneOf(shadowDiffResults),
      count: whole,
      weight: number,
      firstSeen: time,
      lastSeen: time,
      example: orNull(shape<ShadowExample>({ method: text, target: text, place: text, primary: orNull(text), region: orNull(text) })),
    }),
  ),
});

/** `taken`, `shed:REASON` or `skipped:REASON`, in the order of the requests. */
export const replayedAnswer = shape<{ readonly outcomes: readonly string[] }>({ outcomes: listOf(text) });

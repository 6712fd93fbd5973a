import { describe, expect, it } from 'vitest';
import { Metrics } from '../../../src/metrics/metrics.ts';
import { measureShadow, measureShadowEvent } from '../../../src/metrics/shadow.ts';
import { noShadowView } from '../../../src/model/shadow-view.ts';

const route = 'GET /users/{id}';
const samples = async (metrics: Metrics): Promise<readonly string[]> =>
  (await metrics.render()).body
    .split('\n')
    .filter((line) => /^farshore_shadow_(?!queue|requests)/.test(line) && !line.includes('_bucket') && !/failures_total\{code/.test(line));

describe('the shadow’s instruments', () => {
  it('tell ratio, bound, samples and starvation, and nothing of a daemon that compares nothing', async () => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    const score = { counts: noShadowView.total.counts, samples: 10, ratio: 1, lowerBound: 0.75 };
    const view = {
      ...noShadowView,
      secondsSinceComparison: 3,
      waiting: 2,
      routes: [
        { ...score, route, noiseSamples: 0, latency: { primary: null, region: null }, fields: [] },
        {
          ...score,
          route: 'other',
          samples: 0,
          ratio: null,
          lowerBound: null,
          noiseSamples: 0,
          latency: { primary: null, region: null },
          fields: [],
        },
      ],
    };
    measureShadow(metrics, view);
    measureShadowEvent(metrics, { type: 'shadow_compared', route, result: 'lag', reason: undefined, primaryMs: 500, regionMs: undefined });
    measureShadowEvent(metrics, { type: 'shadow_mismatch_found', route, path: '$.a', kind: 'value' });
    expect(await samples(metrics)).toEqual(
      expect.arrayContaining([
        `farshore_shadow_comparisons_total{route="${route}",result="lag"} 1`,
        `farshore_shadow_match_ratio{route="${route}"} 1`,
        `farshore_shadow_match_ratio_lower_bound{route="${route}"} 0.75`,
        `farshore_shadow_samples{route="${route}"} 10`,
        'farshore_shadow_samples{route="other"} 0',
        'farshore_shadow_last_comparison_age_seconds 3',
        'farshore_shadow_waiting 2',
        `farshore_shadow_answer_duration_seconds_sum{route="${route}",side="primary"} 0.5`,
        `farshore_shadow_mismatched_places_total{route="${route}"} 1`,
      ]),
    );
    expect((await samples(metrics)).some((line) => line.startsWith('farshore_shadow_match_ratio{route="other"}'))).toBe(false);
    measureShadow(metrics, undefined);
    expect((await samples(metrics)).filter((line) => /match_ratio|shadow_samples|_age_|waiting/.test(line))).toEqual([]);
  });
});

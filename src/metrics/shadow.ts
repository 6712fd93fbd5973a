import type { ShadowEvent } from '../model/shadow-events.ts';
import type { ShadowView } from '../model/shadow-view.ts';
import type { Metrics } from './metrics.ts';

export function measureShadowEvent(metrics: Metrics, event: ShadowEvent): void {
  switch (event.type) {
    case 'shadow_compared': {
      const { route, result, primaryMs, regionMs } = event;
      metrics.increase('farshore_shadow_comparisons_total', { route, result });
      if (primaryMs !== undefined)
        metrics.observe('farshore_shadow_answer_duration_seconds', { route, side: 'primary' }, primaryMs / 1_000);
      if (regionMs !== undefined) metrics.observe('farshore_shadow_answer_duration_seconds', { route, side: 'region' }, regionMs / 1_000);
      break;
    }
    case 'shadow_mismatch_found':
      metrics.increase('farshore_shadow_mismatched_places_total', { route: event.route });
      break;
    case 'shadow_comparison_failed':
      metrics.increase('farshore_shadow_failures_total', { route: event.route });
      break;
    case 'shadow_topic_failed':
      metrics.increase('farshore_shadow_topic_failures_total', { code: event.code });
      break;
    case 'shadow_store_failed':
      metrics.increase('farshore_shadow_store_failures_total', { code: event.code });
      break;
  }
}

/** Set anew for each scrape; undefined: this daemon compares nothing, and says nothing. */
export function measureShadow(metrics: Metrics, view: ShadowView | undefined): void {
  metrics.clear('farshore_shadow_match_ratio');
  metrics.clear('farshore_shadow_match_ratio_lower_bound');
  metrics.clear('farshore_shadow_samples');
  metrics.set('farshore_shadow_last_comparison_age_seconds', {}, view?.secondsSinceComparison);
  metrics.set('farshore_shadow_waiting', {}, view?.waiting);
  for (const { route, ratio, lowerBound, samples } of view?.routes ?? []) {
    metrics.set('farshore_shadow_match_ratio', { route }, ratio);
    metrics.set('farshore_shadow_match_ratio_lower_bound', { route }, lowerBound);
    metrics.set('farshore_shadow_samples', { route }, samples);
  }
}

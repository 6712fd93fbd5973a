import { type Alert, always, of, once, region, rising } from './alert.ts';

const route = { route: 'GET /invoices/{id}' } as const;
const mismatch = of('farshore_shadow_comparisons_total', { ...route, result: 'mismatch' });
const unsettled = of('farshore_shadow_comparisons_total', { ...route, result: 'unsettled' });
const age = of('farshore_shadow_last_comparison_age_seconds');
const waiting = of('farshore_shadow_waiting');
const failing = of('farshore_shadow_comparisons_total', { ...route, result: 'error' });

/** Whether the region's service answers users as the primary's does, and whether that is looked at. */
export const shadowAlerts: readonly Alert[] = [
  {
    name: 'FarshoreShadowMismatch',
    severity: 'warning',
    // A series begins with its first comparison, which an increase does not see.
    expr: `sum by (region, route) (increase(farshore_shadow_comparisons_total{result="mismatch"}[1h])) > 0
or sum by (region, route) (farshore_shadow_comparisons_total{result="mismatch"} unless farshore_shadow_comparisons_total{result="mismatch"} offset 1h) > 0`,
    for: '1m',
    summary: 'The region answers requests otherwise than the primary, and it was confirmed.',
    description:
      'About {{ $value | humanize }} requests of {{ $labels.route }} in {{ $labels.region }} were answered wrongly within an hour. farshore shadow diffs shows where.',
    runbook: 'shadow-mismatch.md#what-differs',
    fires: { series: { [mismatch]: '_x30 3+0x30' }, at: '40m', labels: { ...region, ...route }, value: '3' },
    // Old ones alert no more, and what was not confirmed never does.
    quiet: { series: { [mismatch]: always(3, 120), [unsettled]: once(0, 9) }, at: '100m' },
  },
  {
    name: 'FarshoreShadowStarves',
    severity: 'warning',
    // Requests that fail, are shed or skipped compare nothing: they do not make it younger.
    expr: 'max by (region) (farshore_shadow_last_comparison_age_seconds) > 900',
    for: '5m',
    summary: 'The shadow has compared nothing for long.',
    description:
      'The last answers of both sides were compared {{ $value | humanizeDuration }} ago in {{ $labels.region }}: the gate shadow shuts, and what has broken since is not seen.',
    runbook: 'shadow-mismatch.md#nothing-is-compared',
    fires: { series: { [age]: '0+60x60', [failing]: rising(60) }, at: '30m', labels: region, value: '30m 0s' },
    quiet: { series: { [age]: '0+60x14 0+60x14 0+60x14' }, at: '29m' },
  },
  {
    name: 'FarshoreShadowComparesNothing',
    severity: 'warning',
    // Only a daemon that compares says how many differences wait; the age is absent before its first comparison.
    expr: 'max by (region) (farshore_shadow_waiting) unless max by (region) (farshore_shadow_last_comparison_age_seconds)',
    for: '30m',
    summary: 'The shadow has compared nothing since its daemon began.',
    description: 'The shadow of {{ $labels.region }} is on, and no request was compared since the daemon became the active one.',
    runbook: 'shadow-mismatch.md#nothing-is-compared',
    fires: { series: { [waiting]: always(0) }, at: '40m', labels: region },
    // Compared for the first time after 20 minutes; a region without a shadow has neither series.
    quiet: { series: { [waiting]: always(0), [age]: '_x20 0+1x40', [of('farshore_leader', { region: 'us-east' })]: always(1) }, at: '45m' },
  },
];

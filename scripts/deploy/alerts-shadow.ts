import { type Alert, always, of, once, region } from './alert.ts';

const route = { route: 'GET /invoices/{id}' } as const;
const mismatch = of('farshore_shadow_comparisons_total', { ...route, result: 'mismatch' });
const unsettled = of('farshore_shadow_comparisons_total', { ...route, result: 'unsettled' });

/** Whether the region's service answers users as the primary's does. */
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
];

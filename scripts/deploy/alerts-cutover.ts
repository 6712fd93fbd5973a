import { type Alert, always, of, once, region } from './alert.ts';

const topic = { topic: 'billing.invoices' } as const;
const draining = of('farshore_cutover_state', { state: 'draining' });
const failedHooks = of('farshore_cutover_hooks_total', { result: 'failed' });
const refusedRows = of('farshore_outbox_refused_total', topic);
const relayed = of('farshore_outbox_relayed');
const tail = of('farshore_unmirrored_tail_kept_records', topic);

/** Whether a move of the home, and what follows it, goes on. */
export const cutoverAlerts: readonly Alert[] = [
  {
    name: 'FarshoreNobodyOpen',
    severity: 'critical',
    // A move takes some ten seconds. A step that fails falls back by itself, and what is behind the point of no return is tried for ever.
    expr: 'max by (region) (farshore_cutover_state{state="draining"}) == 1',
    for: '5m',
    summary: 'A move of the home does not come to its end, and nobody may write.',
    description:
      'The cutover of {{ $labels.region }} has been draining for 5 minutes. farshore cutover plan names the step and what it waits for.',
    runbook: 'cutover.md#nobody-is-open',
    fires: { series: { [draining]: `0+0x4 ${always(1)}` }, at: '12m', labels: region },
    quiet: { series: { [draining]: '0+0x4 1+0x4 0+0x30' }, at: '9m' },
  },
  {
    name: 'FarshoreCutoverHookFailed',
    severity: 'critical',
    // It may be the one that moves users: one that failed is not run again.
    expr: 'sum by (region) (increase(farshore_cutover_hooks_total{result="failed"}[1h])) > 0',
    for: '1m',
    summary: 'A hook of the cutover failed, and is not run again.',
    description: 'A hook of {{ $labels.region }} failed within the last hour. farshore cutover log names it, with the end of what it said.',
    runbook: 'cutover.md#a-hook-failed',
    fires: { series: { [failedHooks]: once(0, 1) }, at: '40m', labels: region },
    quiet: {
      series: { [of('farshore_cutover_hooks_total', { result: 'done' })]: once(0, 1), [failedHooks]: always(1) },
      at: '40m',
    },
  },
  {
    name: 'FarshoreOutboxRefused',
    severity: 'warning',
    // Tried again every five minutes at the latest, within the 8. One that is taken soon is over before the 10 are.
    expr: `sum by (region, topic) (increase(farshore_outbox_refused_total[8m])) > 0
or sum by (region, topic) (farshore_outbox_refused_total unless farshore_outbox_refused_total offset 8m) > 0`,
    for: '10m',
    summary: 'A row of the outbox is refused, and holds its topic.',
    description: 'The regional Kafka refuses a row of {{ $labels.topic }} in {{ $labels.region }}: later rows of the topic wait behind it.',
    runbook: 'cutover.md#a-row-of-the-outbox-is-refused',
    fires: { series: { [refusedRows]: '_x5 1+0x4 2+0x4 3+0x4 4+0x4 5+0x4 6+0x30' }, at: '20m', labels: { ...region, ...topic } },
    quiet: { series: { [refusedRows]: '_x5 1 2+0x30' }, at: '14m' },
  },
  {
    name: 'FarshoreOutboxOld',
    severity: 'critical',
    expr: 'max by (region) (farshore_outbox_oldest_seconds) > 60',
    for: '2m',
    summary: 'Rows of the outbox are not published.',
    description:
      'The oldest row of the outbox of {{ $labels.region }} was written {{ $value | humanizeDuration }} ago: what the region’s applications committed is in no Kafka, and a revert waits for it.',
    runbook: 'cutover.md#the-outbox-is-not-published',
    fires: { series: { [of('farshore_outbox_oldest_seconds')]: '0+30x40' }, at: '10m', labels: { ...region }, value: '5m 0s' },
    quiet: { series: { [of('farshore_outbox_oldest_seconds')]: always(5) }, at: '10m' },
  },
  {
    name: 'FarshoreOutboxUnknown',
    severity: 'warning',
    expr: 'max by (region) (farshore_outbox_relayed) == 1 unless on (region) farshore_outbox_oldest_seconds',
    for: '5m',
    summary: 'How many rows of the outbox wait is not known.',
    description:
      'The outbox of {{ $labels.region }} is relayed, and its rows cannot be counted. Unknown is not zero: treat them as not published.',
    runbook: 'cutover.md#the-outbox-is-not-counted',
    fires: { series: { [relayed]: always(1), [of('farshore_outbox_oldest_seconds')]: '0+0x5 stale' }, at: '15m', labels: region },
    quiet: { series: { [relayed]: always(1), [of('farshore_outbox_oldest_seconds')]: '_x4 0+0x30' }, at: '15m' },
  },
  {
    name: 'FarshoreUnmirroredTail',
    severity: 'critical',
    // From what is kept: what was found stays found when the daemon restarts, and while the primary is away again.
    expr: 'max by (region, topic) (farshore_unmirrored_tail_kept_records) > 0',
    for: '0m',
    summary: 'A primary that was given up answers again, and holds records the region never had.',
    description: 'About {{ $value | humanize }} records of {{ $labels.topic }} are at the former primary of {{ $labels.region }} only.',
    runbook: 'cutover.md#a-primary-that-was-given-up-answers-again',
    fires: { series: { [tail]: always(7) }, at: '5m', labels: { ...region, ...topic }, value: '7' },
    quiet: { series: { [tail]: always(0) }, at: '5m' },
  },
];

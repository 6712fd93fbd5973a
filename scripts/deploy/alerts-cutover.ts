import { type Alert, always, of, region } from './alert.ts';

const topic = { topic: 'billing.invoices' } as const;
const tail = of('farshore_unmirrored_tail_records_total', topic);

/** Whether a move of the home, and what follows it, goes on. */
export const cutoverAlerts: readonly Alert[] = [
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
    name: 'FarshoreUnmirroredTail',
    severity: 'critical',
    expr: 'sum by (region, topic) (farshore_unmirrored_tail_records_total) > 0',
    for: '0m',
    summary: 'A primary that was given up answers again, and holds records the region never had.',
    description: 'About {{ $value | humanize }} records of {{ $labels.topic }} are at the former primary of {{ $labels.region }} only.',
    runbook: 'cutover.md#a-primary-that-was-given-up-answers-again',
    fires: { series: { [tail]: always(7) }, at: '5m', labels: { ...region, ...topic }, value: '7' },
    quiet: { series: { [tail]: always(0) }, at: '5m' },
  },
];

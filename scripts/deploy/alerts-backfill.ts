import { type Alert, always, of, region, rising } from './alert.ts';

const table = { table: 'public.invoices' } as const;
const open = (state: string): string => of('farshore_backfill_open', { ...table, state });
const read = of('farshore_backfill_rows_read_total', table);

/** Whether tables that are being filled get filled. Until then they shut a gate of the cutover. */
export const backfillAlerts: readonly Alert[] = [
  {
    name: 'FarshoreBackfillFailed',
    severity: 'warning',
    expr: 'max by (region, table) (farshore_backfill_open{state="failed"}) == 1',
    for: '5m',
    summary: 'The backfill of a table has failed and waits for somebody.',
    description: 'The backfill of {{ $labels.table }} in {{ $labels.region }} cannot go on: farshore backfill status says why.',
    runbook: 'backfill.md#a-backfill-failed',
    fires: { series: { [open('failed')]: always(1) }, at: '10m', labels: { ...region, ...table } },
    quiet: { series: { [open('running')]: always(1), [read]: rising(100) }, at: '10m' },
  },
  {
    name: 'FarshoreBackfillStands',
    severity: 'warning',
    expr: 'max by (region, table) (farshore_backfill_open{state=~"running|settling"}) == 1 unless on (region, table) sum by (region, table) (increase(farshore_backfill_rows_read_total[30m])) > 0',
    for: '30m',
    summary: 'The backfill of a table reads nothing, though nobody paused it.',
    description: 'The backfill of {{ $labels.table }} in {{ $labels.region }} waits: farshore backfill status says for what.',
    runbook: 'backfill.md#a-backfill-stands',
    fires: { series: { [open('running')]: always(1, 120), [read]: always(5_000, 120) }, at: '90m', labels: { ...region, ...table } },
    quiet: { series: { [open('running')]: always(1, 120), [read]: rising(1, 120) }, at: '90m' },
  },
  {
    name: 'FarshoreBackfillPaused',
    severity: 'warning',
    expr: 'max by (region, table) (farshore_backfill_open{state="paused"}) == 1',
    for: '6h',
    summary: 'A backfill has been paused for six hours.',
    description:
      'The backfill of {{ $labels.table }} in {{ $labels.region }} is paused: the table is not whole, and no remembered delete of it is dropped.',
    runbook: 'backfill.md#a-backfill-is-paused',
    fires: { series: { [open('paused')]: always(1, 400) }, at: '380m', labels: { ...region, ...table } },
    quiet: { series: { [open('paused')]: `${always(1, 300)} stale` }, at: '380m' },
  },
];

import { type Alert, always, of, region, rising, switched } from './alert.ts';
import { unlessHomeHere } from './home-here.ts';

const table = { table: 'public.invoices' } as const;
const changed = of('farshore_divergent_rows', { ...table, kind: 'changed' });
const age = of('farshore_audit_pass_age_seconds', table);
const coverage = of('farshore_audit_coverage_ratio', table);
const unsettled = of('farshore_audit_unsettled', table);
/** Minutes, of samples. */
const DAYS = 3_000;
const rogue = of('farshore_read_back_rows_total', { ...table, result: 'changed' });
const equal = of('farshore_read_back_rows_total', { ...table, result: 'equal' });

/** Whether the region's rows are those of the primary. */
export const auditAlerts: readonly Alert[] = [
  {
    name: 'FarshoreRowsDiverge',
    severity: 'critical',
    expr: 'sum by (region, table) (farshore_divergent_rows) > 0',
    for: '5m',
    summary: 'Rows of the region are confirmed not to be those of the primary.',
    description:
      '{{ $value | humanize }} rows of {{ $labels.table }} in {{ $labels.region }} differ from the primary. farshore audit show names them.',
    runbook: 'divergence.md#rows-diverge',
    fires: { series: { [changed]: always(3) }, at: '20m', labels: { ...region, ...table }, value: '3' },
    quiet: { series: { [changed]: always(0) }, at: '20m' },
  },
  {
    name: 'FarshoreRogueWrites',
    severity: 'critical',
    // The series of a table and a result begins with its first row, which an increase does not see.
    expr: `sum by (region, table) (increase(farshore_read_back_rows_total{result=~"missing|changed|reverted"}[15m])) > 0
or sum by (region, table) (farshore_read_back_rows_total{result=~"missing|changed|reverted"} unless farshore_read_back_rows_total offset 15m) > 0`,
    for: '1m',
    summary: 'Rows were changed behind the daemon a moment after it applied them.',
    description: 'About {{ $value | humanize }} sampled rows of {{ $labels.table }} in {{ $labels.region }} are not what was applied.',
    runbook: 'divergence.md#rows-were-written-behind-the-daemon',
    // One row, the first of its table.
    fires: { series: { [rogue]: '_x24 1+0x30', [equal]: rising(200) }, at: '30m', labels: { ...region, ...table }, value: '1' },
    quiet: { series: { [rogue]: always(4), [equal]: rising(200) }, at: '30m' },
  },
  {
    name: 'FarshoreAuditOld',
    severity: 'warning',
    // Nothing can be compared with a primary that is not the home: the pass waits for the lag of a mirror that rests.
    expr: unlessHomeHere('max by (region, table) (farshore_audit_pass_age_seconds) > 2 * 86400'),
    for: '15m',
    summary: 'A table was not compared to its end for two days.',
    description:
      '{{ $labels.table }} in {{ $labels.region }} was last compared {{ $value | humanizeDuration }} ago: what it says of divergence is that old.',
    runbook: 'divergence.md#the-audit-is-old',
    fires: { series: { [age]: '180000+60x60' }, at: '50m', labels: { ...region, ...table }, value: '2d 2h 50m 0s' },
    quiet: { series: { [age]: '100000+60x60' }, at: '50m' },
    homeHere: { quiet: { series: { ...switched, [age]: '180000+60x60' }, at: '50m' } },
  },
  {
    name: 'FarshoreAuditNeverWhole',
    severity: 'warning',
    // The age begins with the first pass that reaches the end of the table: before that there is none to be high.
    expr: unlessHomeHere(
      'max by (region, table) (farshore_audit_coverage_ratio) unless on (region, table) farshore_audit_pass_age_seconds',
    ),
    for: '2d',
    summary: 'A table was not once compared to its end within two days.',
    description:
      '{{ $labels.table }} in {{ $labels.region }} has been audited for two days, and no pass reached its end: nothing says that its rows are right.',
    runbook: 'divergence.md#the-audit-is-old',
    fires: { series: { [coverage]: always(0, DAYS) }, at: '49h', labels: { ...region, ...table } },
    quiet: { series: { [coverage]: always(0, DAYS), [age]: '_x2870 100+60x100' }, at: '49h' },
  },
  {
    name: 'FarshoreAuditUnsettled',
    severity: 'warning',
    // The next pass asks them again: those that it leaves are written too often, or the region never catches up.
    expr: 'max by (region, table) (farshore_audit_unsettled) > 0',
    for: '12h',
    summary: 'Rows that differed could not be settled for twelve hours.',
    description:
      '{{ $value }} rows of {{ $labels.table }} in {{ $labels.region }} differed and could not be settled: they are not taken for equal. farshore audit show --state unsettled names them.',
    runbook: 'divergence.md#rows-are-not-settled',
    fires: { series: { [unsettled]: always(2, DAYS) }, at: '13h', labels: { ...region, ...table }, value: '2' },
    quiet: { series: { [unsettled]: '2+0x700 0+0x10 2+0x200' }, at: '13h' },
  },
];

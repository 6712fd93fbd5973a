import { type Alert, always, of, region, rising, switched } from './alert.ts';
import { stagesAtWork, unlessHomeHere } from './home-here.ts';
import { burning } from './lag-objective.ts';

const invoices = { topic: 'billing.invoices', partition: '0' } as const;
const lag = (stage: string) => of('farshore_replication_lag_seconds', { ...invoices, stage });
const behind = (stage: string) => of('farshore_replication_lag_records', { ...invoices, stage });
const known = (partition: string, stage = 'total') => of('farshore_lag_known', { topic: 'billing.invoices', partition, stage });
const progress = of('farshore_last_progress_timestamp_seconds', { stage: 'apply' });
/** The mirror rests: its lag, and that of the whole path, are as old as the move of the home. Apply is as the values say. */
const rests = (apply: string) => ({ ...switched, [lag('mirror')]: '0+60x250', [lag('total')]: '0+60x250', [lag('apply')]: apply });
/** The same after a restart: nothing of the mirror was measured. */
const restsUnknown = (apply: string) => ({
  ...switched,
  [known('0', 'mirror')]: always(0),
  [known('0')]: always(0),
  [known('0', 'apply')]: apply,
});
const healthy = { [of('farshore_leader')]: always(1, 250), [known('0')]: always(1, 250) };

/** Slowness: how far the region is behind, and whether that is known. */
export const lagAlerts: readonly Alert[] = [
  {
    name: 'FarshoreNotProgressing',
    severity: 'critical',
    // A stage that made nothing durable since its start has no time of progress, and fires too.
    expr: `max by (region, stage) (farshore_replication_lag_records{stage="apply"}
or (${unlessHomeHere('farshore_replication_lag_records{stage="mirror"}')})) > 0
unless on (region, stage) (time() - max by (region, stage) (farshore_last_progress_timestamp_seconds) <= 300)`,
    for: '5m',
    summary: 'Records wait and a stage makes none of them durable.',
    description:
      'The {{ $labels.stage }} of {{ $labels.region }} has made nothing durable for five minutes, and records wait. farshore status says what stands still.',
    runbook: 'daemon-not-progressing.md#records-wait-and-nothing-moves',
    fires: { series: { [behind('apply')]: always(12), [progress]: '0+0x60' }, at: '15m', labels: { ...region, stage: 'apply' } },
    quiet: { series: { [behind('apply')]: always(12), [progress]: '0+60x60', [behind('mirror')]: always(0) }, at: '15m' },
    homeHere: { quiet: { series: { ...switched, [behind('mirror')]: always(12), [behind('apply')]: always(0) }, at: '15m' } },
  },
  {
    name: 'FarshoreReplicationLagHigh',
    severity: 'warning',
    expr: `max by (region, topic) ${stagesAtWork('farshore_replication_lag_seconds')} > 60`,
    for: '5m',
    summary: 'A topic is more than a minute behind.',
    description:
      '{{ $labels.topic }} is {{ $value | humanizeDuration }} behind in {{ $labels.region }}. farshore lag tells whether mirror or apply is the slow one.',
    runbook: 'lag-grows.md#lag-is-high',
    fires: { series: { [lag('total')]: always(61) }, at: '10m', labels: { ...region, topic: 'billing.invoices' }, value: '1m 1s' },
    quiet: { series: { [lag('total')]: '90+0x4 60+0x20' }, at: '10m' },
    homeHere: {
      quiet: { series: rests(always(1)), at: '30m' },
      fires: { series: rests(always(61)), at: '10m', labels: { ...region, topic: 'billing.invoices' }, value: '1m 1s' },
    },
  },
  {
    name: 'FarshoreReplicationLagVeryHigh',
    severity: 'critical',
    expr: `max by (region, topic) ${stagesAtWork('farshore_replication_lag_seconds')} > 300`,
    for: '5m',
    summary: 'A topic is more than five minutes behind.',
    description:
      '{{ $labels.topic }} is {{ $value | humanizeDuration }} behind in {{ $labels.region }}. farshore lag tells whether mirror or apply is the slow one.',
    runbook: 'lag-grows.md#lag-is-high',
    fires: { series: { [lag('mirror')]: rising(60) }, at: '15m', labels: { ...region, topic: 'billing.invoices' }, value: '15m 0s' },
    quiet: { series: { [lag('total')]: always(300) }, at: '15m' },
    homeHere: {
      quiet: { series: rests(always(300)), at: '30m' },
      fires: { series: rests(always(301)), at: '15m', labels: { ...region, topic: 'billing.invoices' }, value: '5m 1s' },
    },
  },
  {
    name: 'FarshoreLagUnknown',
    severity: 'warning',
    expr: `min by (region, topic) ${stagesAtWork('farshore_lag_known')} == 0`,
    for: '5m',
    summary: 'How far a topic is behind is not known.',
    description: 'The ends of {{ $labels.topic }} could not be read for {{ $labels.region }}. Unknown is not zero: treat the copy as old.',
    runbook: 'lag-grows.md#lag-is-unknown',
    fires: { series: { [known('0')]: always(1), [known('1')]: always(0) }, at: '10m', labels: { ...region, topic: 'billing.invoices' } },
    quiet: { series: { [known('0')]: '0+0x4 1+0x20' }, at: '10m' },
    homeHere: {
      quiet: { series: restsUnknown(always(1)), at: '30m' },
      fires: { series: restsUnknown(always(0)), at: '10m', labels: { ...region, topic: 'billing.invoices' } },
    },
  },
  {
    name: 'FarshoreLagBudgetBurnsFast',
    severity: 'critical',
    expr: burning(14.4, '1h', '5m'),
    for: '2m',
    summary: 'The month’s budget for lag is used up within two days at this rate.',
    description:
      '{{ $labels.region }} was behind, or not known, for {{ $value | humanizePercentage }} of the last hour; the objective allows {{budget}} of a month.',
    runbook: 'lag-grows.md#the-lag-budget-burns',
    fires: { series: { ...healthy, [lag('total')]: '1+0x54 90+0x10' }, at: '61m', labels: region, value: '11.48%' },
    quiet: { series: { ...healthy, [lag('total')]: '90+0x10 1+0x60' }, at: '61m' },
    homeHere: {
      quiet: { series: { ...healthy, ...rests(always(1, 250)), ...restsUnknown(always(1, 250)) }, at: '61m' },
      fires: {
        series: { ...healthy, ...rests('1+0x54 90+0x10'), ...restsUnknown(always(1, 250)) },
        at: '61m',
        labels: region,
        value: '11.48%',
      },
    },
  },
  {
    name: 'FarshoreLagBudgetBurnsSteadily',
    severity: 'critical',
    expr: burning(6, '6h', '30m'),
    for: '15m',
    summary: 'The month’s budget for lag is used up within five days at this rate.',
    description:
      '{{ $labels.region }} was behind, or not known, for {{ $value | humanizePercentage }} of the last six hours; the objective allows {{budget}} of a month.',
    runbook: 'lag-grows.md#the-lag-budget-burns',
    // Two minutes of every half hour.
    fires: {
      series: { ...healthy, [lag('total')]: Array(4).fill('90+0x1 1+0x27').join(' ') },
      at: '110m',
      labels: region,
      value: '7.207%',
    },
    quiet: { series: { ...healthy, [lag('total')]: '90+0x20 1+0x100' }, at: '110m' },
  },
  {
    name: 'FarshoreLagBudgetBurnsSlowly',
    severity: 'warning',
    expr: burning(1, '3d', '6h'),
    for: '1h',
    summary: 'The month’s budget for lag will not last the month.',
    description:
      '{{ $labels.region }} was behind, or not known, for {{ $value | humanizePercentage }} of the last three days; the objective allows {{budget}} of a month.',
    runbook: 'lag-grows.md#the-lag-budget-burns',
    fires: {
      series: { ...healthy, [lag('total')]: Array(3).fill('90+0x0 1+0x98').join(' ') },
      at: '180m',
      labels: region,
      value: '1.105%',
    },
    quiet: { series: { ...healthy, [lag('total')]: '90+0x0 1+0x250' }, at: '240m' },
  },
  {
    name: 'FarshoreHeartbeatLost',
    severity: 'warning',
    // Those of a home that is elsewhere come back through no mirror.
    expr: unlessHomeHere('max by (region) (farshore_heartbeat_age_seconds) > 60'),
    for: '2m',
    summary: 'Heartbeats do not come back through mirror and apply.',
    description: 'The newest heartbeat that reached {{ $labels.region }} is {{ $value | humanizeDuration }} old.',
    runbook: 'lag-grows.md#heartbeats-do-not-come-back',
    fires: { series: { [of('farshore_heartbeat_age_seconds')]: always(90) }, at: '5m', labels: region, value: '1m 30s' },
    quiet: { series: { [of('farshore_heartbeat_age_seconds')]: always(60) }, at: '5m' },
    homeHere: { quiet: { series: { ...switched, [of('farshore_heartbeat_age_seconds')]: rising(60) }, at: '15m' } },
  },
  {
    name: 'FarshoreHeartbeatNeverBack',
    severity: 'warning',
    // The age begins with the first one that comes back to the daemon that leads: before that there is none to be high.
    expr: unlessHomeHere(
      'sum by (region) (rate(farshore_heartbeats_written_total[10m])) > 0 unless on (region) farshore_heartbeat_age_seconds',
    ),
    for: '5m',
    summary: 'Heartbeats are written, and none has come back since the daemon began.',
    description:
      'Heartbeats of {{ $labels.region }} reach the primary, and none came back through mirror and apply: nothing proves that the path works.',
    runbook: 'lag-grows.md#heartbeats-do-not-come-back',
    fires: { series: { [of('farshore_heartbeats_written_total')]: rising(60) }, at: '15m', labels: region },
    quiet: {
      series: {
        [of('farshore_heartbeats_written_total')]: rising(60),
        [of('farshore_heartbeat_age_seconds')]: '_x4 1+0x30',
      },
      at: '15m',
    },
    homeHere: { quiet: { series: { ...switched, [of('farshore_heartbeats_written_total')]: rising(60) }, at: '15m' } },
  },
  {
    name: 'FarshoreHeartbeatsNotWritten',
    severity: 'warning',
    expr: 'sum by (region) (increase(farshore_heartbeat_failures_total[10m])) > 10',
    for: '5m',
    summary: 'Heartbeats cannot be written to the primary.',
    description: 'The primary did not acknowledge {{ $value | humanize }} heartbeats of {{ $labels.region }} within ten minutes.',
    runbook: 'lag-grows.md#heartbeats-do-not-come-back',
    fires: {
      series: { [of('farshore_heartbeat_failures_total', { code: 'cluster_denied' })]: rising(3) },
      at: '30m',
      labels: region,
      value: '30',
    },
    quiet: { series: { [of('farshore_heartbeat_failures_total', { code: 'cluster_denied' })]: rising(1) }, at: '30m' },
  },
  {
    name: 'FarshoreLastStableOffsetStuck',
    severity: 'warning',
    expr: 'max by (region, cluster) (farshore_last_stable_offset_stuck_seconds) > 600',
    for: '2m',
    summary: 'An open transaction holds all readers of a partition back.',
    description:
      'The last stable offset of a partition in the {{ $labels.cluster }} cluster has stood still for {{ $value | humanizeDuration }} as seen from {{ $labels.region }}. Lag cannot see records behind it.',
    runbook: 'lag-grows.md#an-open-transaction-holds-readers-back',
    fires: {
      series: { [of('farshore_last_stable_offset_stuck_seconds', { cluster: 'primary' })]: rising(60) },
      at: '15m',
      labels: { ...region, cluster: 'primary' },
      value: '15m 0s',
    },
    quiet: { series: { [of('farshore_last_stable_offset_stuck_seconds', { cluster: 'primary' })]: always(600) }, at: '15m' },
  },
];

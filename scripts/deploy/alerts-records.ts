import { type Alert, always, of, once, region, rising, switched } from './alert.ts';
import { unlessHomeHere } from './home-here.ts';

const table = { table: 'public.invoices' } as const;
const topic = { topic: 'billing.invoices' } as const;
const place = { ...topic, partition: '0' } as const;
const headroom = of('farshore_retention_headroom_records', place);
const waiting = (stage: string): string => of('farshore_partitions', { stage, state: 'waiting' });
const mirrorLag = of('farshore_replication_lag_seconds', { ...place, stage: 'mirror' });

/** What stands still, is kept aside, is lost or at risk. */
export const recordAlerts: readonly Alert[] = [
  {
    name: 'FarshoreRecordsLost',
    severity: 'critical',
    // The series of a topic begins with its first loss, and an increase needs two samples.
    expr: `sum by (region, topic) (increase(farshore_lost_records_total[1h])) > 0
or sum by (region, topic) (farshore_lost_records_total unless farshore_lost_records_total offset 1h) > 0`,
    for: '1m',
    summary: 'Records were gone before they could be read.',
    description:
      'Up to {{ $value | humanize }} records of {{ $labels.topic }} never reached {{ $labels.region }}. farshore partition log says which offsets.',
    runbook: 'records-lost.md#records-were-lost',
    fires: {
      series: { [of('farshore_lost_records_total', topic)]: '_x30 88+0x30' },
      at: '40m',
      labels: { ...region, ...topic },
      value: '88',
    },
    quiet: { series: { [of('farshore_lost_records_total', topic)]: always(88, 120) }, at: '100m' },
  },
  {
    name: 'FarshoreRetentionAtRisk',
    severity: 'critical',
    expr: unlessHomeHere(`(predict_linear(farshore_retention_headroom_records[1h], 4 * 3600) < 0 or farshore_retention_headroom_records == 0)
and on (region, topic, partition) farshore_replication_lag_seconds{stage="mirror"} > 60`),
    for: '5m',
    summary: 'The mirror is behind, and retention at home catches up with it.',
    description:
      '{{ $labels.topic }}:{{ $labels.partition }} loses records within four hours in {{ $labels.region }} unless the mirror becomes faster or retention at home is raised.',
    runbook: 'records-lost.md#retention-overtakes-the-mirror',
    fires: { series: { [headroom]: '7000-100x60', [mirrorLag]: always(900) }, at: '40m', labels: { ...region, ...place } },
    // An idle topic whose log is trimmed up to the position: nothing is left to lose.
    quiet: { series: { [headroom]: '7000-100x60', [mirrorLag]: always(0) }, at: '40m' },
    homeHere: { quiet: { series: { ...switched, [headroom]: always(0), [mirrorLag]: always(900) }, at: '40m' } },
  },
  {
    name: 'FarshoreNeedsFullAudit',
    severity: 'critical',
    expr: 'max by (region, table) (farshore_needs_full_audit) == 1',
    for: '1m',
    summary: 'A table may hold rows that were deleted at the primary.',
    description:
      'The compacted topic of {{ $labels.table }} stood unread in {{ $labels.region }} for longer than it keeps deletes. The table is not proved right until it was compared whole.',
    runbook: 'records-lost.md#a-table-needs-a-full-audit',
    fires: { series: { [of('farshore_needs_full_audit', table)]: always(1) }, at: '5m', labels: { ...region, ...table } },
    quiet: { series: { [of('farshore_needs_full_audit', table)]: '1 stale' }, at: '5m' },
  },
  {
    name: 'FarshorePartitionStopped',
    severity: 'critical',
    expr: 'max by (region, stage) (farshore_partitions_stopped) > 0',
    for: '1m',
    summary: 'Partitions stand still after an error.',
    description:
      '{{ $value }} partitions of {{ $labels.stage }} are stopped in {{ $labels.region }}. farshore partition list shows the reason of each and the command that resumes it.',
    runbook: 'partition-stopped.md#a-partition-stopped',
    fires: {
      series: {
        [of('farshore_partitions_stopped', { stage: 'mirror' })]: always(2),
        [of('farshore_partitions_stopped', { stage: 'apply' })]: always(0),
      },
      at: '5m',
      labels: { ...region, stage: 'mirror' },
      value: '2',
    },
    quiet: { series: { [of('farshore_partitions_stopped', { stage: 'mirror' })]: always(0) }, at: '5m' },
  },
  {
    name: 'FarshorePartitionsWait',
    severity: 'warning',
    expr: `(${unlessHomeHere('sum by (region, stage) (farshore_partitions{stage="mirror",state="waiting"}) > 0')})
or sum by (region, stage) (farshore_partitions{stage="apply",state="waiting"}) > 0`,
    for: '10m',
    summary: 'Partitions wait, though nobody stopped or paused them.',
    description:
      '{{ $value }} partitions of {{ $labels.stage }} have waited for ten minutes in {{ $labels.region }}. farshore partition list shows what each waits for.',
    runbook: 'partition-stopped.md#a-partition-waits',
    fires: {
      series: {
        [waiting('mirror')]: always(3),
        [waiting('apply')]: always(0),
        [of('farshore_cutover_state', { state: 'observing' })]: always(1),
        [of('farshore_cutover_state', { state: 'switched' })]: always(0),
      },
      at: '15m',
      labels: { ...region, stage: 'mirror' },
      value: '3',
    },
    quiet: {
      series: {
        [waiting('mirror')]: always(3),
        [waiting('apply')]: '3+0x8 0+0x50',
        [of('farshore_cutover_state', { state: 'switched' })]: always(1),
      },
      at: '15m',
    },
  },
  {
    name: 'FarshoreTableStopped',
    severity: 'critical',
    expr: 'max by (region) (farshore_tables_stopped) > 0',
    for: '1m',
    summary: 'Tables stand still after an error.',
    description:
      '{{ $value }} tables are stopped in {{ $labels.region }}. farshore status names them; farshore schema diff prints the statements that mend a table.',
    runbook: 'partition-stopped.md#a-partition-stopped',
    fires: { series: { [of('farshore_tables_stopped')]: always(1) }, at: '5m', labels: region, value: '1' },
    quiet: { series: { [of('farshore_tables_stopped')]: always(0) }, at: '5m' },
  },
  {
    name: 'FarshoreRejectedFlood',
    severity: 'critical',
    expr: 'sum by (region, stage) (increase(farshore_partition_stops_total{code="rejected_flood"}[30m])) > 0',
    for: '1m',
    summary: 'So many records were rejected that their table was stopped.',
    description:
      'A table of {{ $labels.region }} stopped because of a flood of rejected records. It is rarely the records: look at the reasons.',
    runbook: 'rejected-records.md#a-flood',
    fires: {
      series: { [of('farshore_partition_stops_total', { stage: 'apply', code: 'rejected_flood' })]: once(0, 1) },
      at: '35m',
      labels: { ...region, stage: 'apply' },
    },
    quiet: {
      series: {
        [of('farshore_partition_stops_total', { stage: 'apply', code: 'row_refused' })]: once(0, 1),
        [of('farshore_partition_stops_total', { stage: 'apply', code: 'rejected_flood' })]: always(1),
      },
      at: '35m',
    },
  },
  {
    name: 'FarshoreRejectedRecords',
    severity: 'warning',
    expr: 'max by (region, table) (farshore_rejected_records) > 0',
    for: '5m',
    summary: 'Records that could not be applied are kept.',
    description:
      '{{ $value }} records of {{ $labels.table }} could not be applied in {{ $labels.region }}: their rows are older than at the primary, or missing.',
    runbook: 'rejected-records.md#records-were-rejected',
    fires: { series: { [of('farshore_rejected_records', table)]: always(3) }, at: '10m', labels: { ...region, ...table }, value: '3' },
    quiet: { series: { [of('farshore_rejected_records', table)]: '3 3 3 0+0x20' }, at: '10m' },
  },
  {
    name: 'FarshoreRejectedExpired',
    severity: 'warning',
    expr: 'sum by (region) (increase(farshore_rejected_expired_total[6h])) > 0',
    for: '1m',
    summary: 'Rejected records were dropped after their retention.',
    description:
      'About {{ $value | humanize }} records that nobody tried again were dropped in {{ $labels.region }}. farshore partition log says which.',
    runbook: 'rejected-records.md#how-long-they-are-kept',
    fires: { series: { [of('farshore_rejected_expired_total')]: once(0, 5) }, at: '35m', labels: region, value: '5' },
    quiet: { series: { [of('farshore_rejected_expired_total')]: always(5) }, at: '35m' },
  },
  {
    name: 'FarshoreRejectedNotPublished',
    severity: 'warning',
    expr: 'sum by (region, code) (increase(farshore_rejected_publish_failures_total[15m])) > 0',
    for: '15m',
    summary: 'Rejected records cannot be written to their topic.',
    description:
      'Writing rejected records of {{ $labels.region }} to their topic fails with {{ $labels.code }}. They are kept in the database all the same.',
    runbook: 'rejected-records.md#in-a-topic',
    fires: {
      series: { [of('farshore_rejected_publish_failures_total', { code: 'cluster_denied' })]: rising(1) },
      at: '40m',
      labels: { ...region, code: 'cluster_denied' },
    },
    quiet: { series: { [of('farshore_rejected_publish_failures_total', { code: 'cluster_denied' })]: once(0, 1) }, at: '43m' },
  },
  {
    name: 'FarshoreParkedTooLong',
    severity: 'warning',
    expr: 'min by (region, table) (min_over_time(farshore_parked_records[30m])) > 0',
    for: '5m',
    summary: 'Records wait for another row that does not come.',
    description:
      'At least {{ $value }} records of {{ $labels.table }} have waited for half an hour in {{ $labels.region }}. farshore rejected list --parked shows what for.',
    runbook: 'rejected-records.md#parked-records',
    fires: { series: { [of('farshore_parked_records', table)]: always(2) }, at: '50m', labels: { ...region, ...table }, value: '2' },
    quiet: { series: { [of('farshore_parked_records', table)]: '2+0x40 0 2+0x20' }, at: '50m' },
  },
  {
    name: 'FarshoreVersionTiesFlood',
    severity: 'warning',
    expr: `sum by (region, table) (rate(farshore_version_ties_total[15m]))
> 0.05 * sum by (region, table) (rate(farshore_records_applied_total[15m]))`,
    for: '15m',
    summary: 'Many states of a row have the same version.',
    description:
      '{{ $value | humanize }} records a second of {{ $labels.table }} in {{ $labels.region }} have the version of the row and other content: the order of the log decides, the version does not.',
    runbook: 'records-left-out.md#versions-tie',
    fires: {
      series: {
        [of('farshore_version_ties_total', table)]: rising(60),
        [of('farshore_records_applied_total', { ...table, op: 'upsert' })]: rising(600),
      },
      at: '40m',
      labels: { ...region, ...table },
      value: '1',
    },
    quiet: {
      series: {
        [of('farshore_version_ties_total', table)]: rising(30),
        [of('farshore_records_applied_total', { ...table, op: 'upsert' })]: rising(600),
      },
      at: '40m',
    },
  },
];

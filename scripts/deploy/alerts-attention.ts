import { type Alert, always, of, once, region, rising } from './alert.ts';

const table = { table: 'public.invoices' } as const;
const topic = { topic: 'billing.invoices' } as const;

/** Work that is done again and again, and records that are left out by the configuration. */
export const attentionAlerts: readonly Alert[] = [
  {
    name: 'FarshoreMirrorStartsOver',
    severity: 'warning',
    expr: 'sum by (region, code) (increase(farshore_mirror_rebuilds_total[15m])) > 5',
    for: '5m',
    summary: 'The mirror fences itself and starts over again and again.',
    description: 'The mirror of {{ $labels.region }} started over {{ $value | humanize }} times within 15 minutes, for {{ $labels.code }}.',
    runbook: 'daemon-not-progressing.md#the-mirror-starts-over',
    fires: {
      series: { [of('farshore_mirror_rebuilds_total', { code: 'cluster_unavailable' })]: rising(1) },
      at: '40m',
      labels: { ...region, code: 'cluster_unavailable' },
      value: '15',
    },
    quiet: { series: { [of('farshore_mirror_rebuilds_total', { code: 'cluster_unavailable' })]: once(0, 5) }, at: '40m' },
  },
  {
    name: 'FarshoreApplyRetries',
    severity: 'warning',
    expr: 'sum by (region, code) (increase(farshore_apply_retries_total[15m])) > 20',
    for: '5m',
    summary: 'The database refuses batches for a time, again and again.',
    description: '{{ $value | humanize }} batches were tried again within 15 minutes in {{ $labels.region }}, for {{ $labels.code }}.',
    runbook: 'daemon-not-progressing.md#apply-tries-again',
    fires: {
      series: { [of('farshore_apply_retries_total', { code: 'database_unavailable' })]: rising(2) },
      at: '40m',
      labels: { ...region, code: 'database_unavailable' },
      value: '30',
    },
    quiet: { series: { [of('farshore_apply_retries_total', { code: 'database_unavailable' })]: rising(1) }, at: '40m' },
  },
  {
    name: 'FarshoreJobFails',
    severity: 'warning',
    // The label `job` is the scrape's where labels are not honoured; then the daemon's own is exported_job.
    expr: 'sum by (region, job, exported_job, code) (increase(farshore_job_failures_total[25h])) > 0',
    for: '1m',
    summary: 'Scheduled work failed.',
    description: 'Scheduled work of {{ $labels.region }} failed with {{ $labels.code }}; the next run makes up for it.',
    runbook: 'daemon-not-progressing.md#scheduled-work-fails',
    fires: {
      series: {
        [of('farshore_job_failures_total', { job: 'farshore', exported_job: 'expire_rejected', code: 'database_denied' })]: once(0, 1),
      },
      at: '40m',
      labels: { ...region, job: 'farshore', exported_job: 'expire_rejected', code: 'database_denied' },
    },
    quiet: {
      series: {
        [of('farshore_job_failures_total', { job: 'farshore', exported_job: 'expire_rejected', code: 'database_denied' })]: always(1),
      },
      at: '40m',
    },
  },
  {
    name: 'FarshoreTopicMissing',
    severity: 'warning',
    // A gauge: what is missing from the start on is told once, before the first scrape.
    expr: 'max by (region) (farshore_topics_missing) > 0',
    for: '5m',
    summary: 'A topic that is to be mirrored does not exist at home.',
    description:
      '{{ $value }} topics that the configuration of {{ $labels.region }} names are not at home, or may not be described. The log names each (topic_missing).',
    runbook: 'topic-changed.md#a-topic-is-missing',
    fires: { series: { [of('farshore_topics_missing')]: always(1) }, at: '10m', labels: region, value: '1' },
    quiet: { series: { [of('farshore_topics_missing')]: '1+0x4 0+0x30' }, at: '10m' },
  },
  {
    name: 'FarshoreTopicConfigRefused',
    severity: 'warning',
    expr: 'max by (region) (farshore_topic_configs_refused) > 0',
    for: '5m',
    summary: 'The region refuses a config that a topic has at home.',
    description:
      '{{ $value }} configs that topics have at home are refused in {{ $labels.region }}, which mirrors without them. The log names topic, config and reason.',
    runbook: 'topic-changed.md#a-config-is-refused',
    fires: { series: { [of('farshore_topic_configs_refused')]: always(2) }, at: '10m', labels: region, value: '2' },
    quiet: { series: { [of('farshore_topic_configs_refused')]: '2+0x4 0+0x30' }, at: '10m' },
  },
  {
    name: 'FarshoreFieldsNotAllowed',
    severity: 'info',
    // A series begins with its first record, which an increase does not see.
    expr: `sum by (region, table, field) (increase(farshore_fields_not_allowed_total[1h])) > 0
or sum by (region, table, field) (farshore_fields_not_allowed_total unless farshore_fields_not_allowed_total offset 1h) > 0`,
    for: '1m',
    summary: 'Records set a field that the entry does not allow.',
    description:
      'Field {{ $labels.field }} of {{ $labels.table }} is set by records and left out in {{ $labels.region }}. Allow it, or list it under ignore.',
    runbook: 'records-left-out.md#fields-are-not-allowed',
    fires: {
      series: { [of('farshore_fields_not_allowed_total', { ...table, field: 'iban' })]: '_x30 3+0x30' },
      at: '40m',
      labels: { ...region, ...table, field: 'iban' },
    },
    quiet: { series: { [of('farshore_fields_not_allowed_total', { ...table, field: 'iban' })]: always(3, 120) }, at: '100m' },
  },
  {
    name: 'FarshoreRecordsUnrouted',
    severity: 'info',
    expr: `sum by (region, topic) (increase(farshore_records_unrouted_total[1h])) > 0
or sum by (region, topic) (farshore_records_unrouted_total unless farshore_records_unrouted_total offset 1h) > 0`,
    for: '1m',
    summary: 'Records are taken by no table entry of their topic.',
    description: 'Records of {{ $labels.topic }} in {{ $labels.region }} fit no table entry: another record name, event type or operation.',
    runbook: 'records-left-out.md#records-are-unrouted',
    fires: { series: { [of('farshore_records_unrouted_total', topic)]: '_x30 3+0x30' }, at: '40m', labels: { ...region, ...topic } },
    quiet: { series: { [of('farshore_records_unrouted_total', topic)]: always(3, 120) }, at: '100m' },
  },
];

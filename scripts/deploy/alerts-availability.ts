import { type Alert, always, of, once, region, series } from './alert.ts';

const up = series('up', { job: 'farshore', instance: 'a:8320' });
const build = (instance: string, version: string) => of('farshore_build_info', { instance, version });

/** Does the region have a daemon, one leader, and what it depends on? */
export const availabilityAlerts: readonly Alert[] = [
  {
    name: 'FarshoreAbsent',
    severity: 'critical',
    expr: 'absent(up{job="farshore"})',
    for: '5m',
    summary: 'Prometheus scrapes no Farshore daemon at all.',
    description: 'No target has the job farshore: nothing on this page can fire. Check the scrape configuration first.',
    runbook: 'daemon-not-progressing.md#no-metrics-of-a-region',
    fires: { series: { [series('up', { job: 'other' })]: always(1) }, at: '10m', labels: { job: 'farshore' } },
    quiet: { series: { [up]: always(0) }, at: '10m' },
  },
  {
    name: 'FarshoreRegionSilent',
    severity: 'critical',
    expr: 'max by (region) (present_over_time(farshore_leader[6h])) unless max by (region) (farshore_leader)',
    for: '2m',
    summary: 'A region that had a daemon reports nothing any more.',
    description: 'No daemon of {{ $labels.region }} answers the scrape: how far the region is behind is not known.',
    runbook: 'daemon-not-progressing.md#no-metrics-of-a-region',
    fires: { series: { [of('farshore_leader')]: '1+0x9 stale' }, at: '15m', labels: region },
    quiet: {
      series: {
        [of('farshore_leader', { instance: 'a:8320' })]: '1+0x9 stale',
        [of('farshore_leader', { instance: 'b:8320' })]: always(0),
      },
      at: '15m',
    },
  },
  {
    name: 'FarshoreNoLeader',
    severity: 'critical',
    expr: 'max by (region) (farshore_leader) == 0',
    for: '2m',
    summary: 'All daemons of a region stand by, none replicates.',
    description:
      'The lease of {{ $labels.region }} is held by no daemon that answers. farshore status at each of them says what it waits for.',
    runbook: 'daemon-not-progressing.md#no-leader',
    fires: { series: { [of('farshore_leader')]: always(0) }, at: '5m', labels: region },
    quiet: {
      series: { [of('farshore_leader', { instance: 'a:8320' })]: always(0), [of('farshore_leader', { instance: 'b:8320' })]: always(1) },
      at: '5m',
    },
  },
  {
    name: 'FarshoreTwoLeaders',
    severity: 'critical',
    expr: 'sum by (region) (farshore_leader) > 1',
    for: '2m',
    summary: 'Two daemons of a region say that they lead.',
    description:
      '{{ $value }} daemons of {{ $labels.region }} claim the lease. Only the one with the highest farshore_fencing_epoch can write.',
    runbook: 'daemon-not-progressing.md#two-leaders',
    fires: {
      series: { [of('farshore_leader', { instance: 'a:8320' })]: always(1), [of('farshore_leader', { instance: 'b:8320' })]: always(1) },
      at: '5m',
      labels: region,
      value: '2',
    },
    quiet: {
      // A lease that changes hands between two scrapes.
      series: {
        [of('farshore_leader', { instance: 'a:8320' })]: '1 1 1 0+0x20',
        [of('farshore_leader', { instance: 'b:8320' })]: '0 0 1+0x20',
      },
      at: '5m',
    },
  },
  {
    name: 'FarshoreShardIdle',
    severity: 'critical',
    // No daemon has samples of its partitions: nothing but the sum tells of it.
    expr: 'max by (region) (farshore_shards) - sum by (region) (farshore_shards_held) > 0',
    for: '3m',
    summary: 'A shard of a region is worked on by no daemon.',
    description:
      '{{ $value }} shards of {{ $labels.region }} are held by no daemon that answers: their partitions stand still. farshore status at the active one shows who works on which.',
    runbook: 'daemon-not-progressing.md#a-shard-has-no-daemon',
    fires: {
      series: {
        [of('farshore_shards', { instance: 'a:8320' })]: always(4),
        [of('farshore_shards', { instance: 'b:8320' })]: always(4),
        [of('farshore_shards_held', { instance: 'a:8320' })]: always(2),
        [of('farshore_shards_held', { instance: 'b:8320' })]: '2+0x9 1+0x50',
      },
      at: '15m',
      labels: region,
      value: '1',
    },
    quiet: {
      // A daemon that is replaced: the others take its shards within a minute.
      series: {
        [of('farshore_shards', { instance: 'a:8320' })]: always(4),
        [of('farshore_shards_held', { instance: 'a:8320' })]: '2+0x9 3 4+0x50',
        [of('farshore_shards_held', { instance: 'b:8320' })]: '2+0x9 stale',
      },
      at: '15m',
    },
  },
  {
    name: 'FarshoreInstanceDown',
    severity: 'warning',
    expr: 'up{job="farshore"} == 0',
    for: '5m',
    summary: 'One daemon does not answer the scrape.',
    description: '{{ $labels.instance }} is down or cannot be reached. While another one leads, the region is replicated, without a spare.',
    runbook: 'daemon-not-progressing.md#an-instance-is-down',
    fires: { series: { [up]: always(0) }, at: '10m', labels: { job: 'farshore', instance: 'a:8320' } },
    quiet: { series: { [up]: '1 0 0 0 1+0x20' }, at: '10m' },
  },
  {
    name: 'FarshoreRestarting',
    severity: 'warning',
    expr: 'changes(process_start_time_seconds{job="farshore"}[30m]) > 3',
    for: '1m',
    summary: 'A daemon ends and is started again and again.',
    description: '{{ $labels.instance }} started {{ $value }} times within 30 minutes. The last log line with level fatal says why.',
    runbook: 'daemon-not-progressing.md#the-daemon-restarts-again-and-again',
    fires: {
      series: { [series('process_start_time_seconds', { job: 'farshore', instance: 'a:8320' })]: '1+0x5 2+0x5 3+0x5 4+0x5 5+0x20' },
      at: '26m',
      labels: { job: 'farshore', instance: 'a:8320' },
      value: '4',
    },
    quiet: {
      series: { [series('process_start_time_seconds', { job: 'farshore', instance: 'a:8320' })]: '1+0x5 2+0x5 3+0x5 4+0x30' },
      at: '26m',
    },
  },
  {
    name: 'FarshoreRegionalDependencyDown',
    severity: 'critical',
    expr: 'min by (region, component) (farshore_component_up{component=~"regional_(kafka|database)"}) == 0',
    for: '2m',
    summary: 'The regional Kafka or database does not answer the daemon.',
    description:
      '{{ $labels.component }} of {{ $labels.region }} is down for the daemon: nothing is replicated. farshore status shows the reason.',
    runbook: 'region-unreachable.md#what-to-do',
    fires: {
      series: { [of('farshore_component_up', { component: 'regional_kafka' })]: always(0) },
      at: '5m',
      labels: { ...region, component: 'regional_kafka' },
    },
    quiet: {
      series: {
        [of('farshore_component_up', { component: 'regional_kafka' })]: '1 0 0 1+0x20',
        [of('farshore_component_up', { component: 'primary_kafka' })]: always(0),
        [of('farshore_component_up', { component: 'regional_registry' })]: always(0),
      },
      at: '5m',
    },
  },
  {
    name: 'FarshoreRegionalRegistryDown',
    severity: 'warning',
    expr: 'min by (region) (farshore_component_up{component="regional_registry"}) == 0',
    for: '5m',
    summary: 'The region’s schema registry does not answer the daemon.',
    description:
      'New schemas are not carried into the registry of {{ $labels.region }}, and a switch waits for it. farshore status shows the reason.',
    runbook: 'region-unreachable.md#the-schema-registry-of-the-region',
    fires: {
      series: { [of('farshore_component_up', { component: 'regional_registry' })]: always(0) },
      at: '10m',
      labels: region,
    },
    quiet: {
      series: {
        [of('farshore_component_up', { component: 'regional_registry' })]: '0 0 0 0 1+0x20',
        [of('farshore_component_up', { component: 'registry' })]: always(0),
      },
      at: '10m',
    },
  },
  {
    name: 'FarshorePrimaryUnreachable',
    severity: 'warning',
    expr: 'min by (region, component) (farshore_component_up{component!~"regional_.*"}) == 0',
    for: '5m',
    summary: 'The primary’s Kafka or schema registry does not answer the daemon.',
    description: '{{ $labels.component }} is down as seen from {{ $labels.region }}. The region keeps serving what it has, and grows old.',
    runbook: 'primary-unreachable.md#what-to-do',
    fires: {
      series: { [of('farshore_component_up', { component: 'primary_kafka' })]: always(0) },
      at: '10m',
      labels: { ...region, component: 'primary_kafka' },
    },
    quiet: { series: { [of('farshore_component_up', { component: 'primary_kafka' })]: '0 0 0 0 1+0x20' }, at: '10m' },
  },
  {
    name: 'FarshoreLoginNotRenewed',
    severity: 'warning',
    expr: 'sum by (region, component) (increase(farshore_logins_not_renewed_total[30m])) > 0',
    for: '5m',
    summary: 'A new login was refused; the connection that stands is used until it ends.',
    description: '{{ $labels.component }} refuses the credentials of {{ $labels.region }}: replication ends when the present session does.',
    runbook: 'credentials-rotated.md#a-login-is-not-renewed',
    fires: {
      series: { [of('farshore_logins_not_renewed_total', { component: 'regional_kafka' })]: once(0, 1) },
      at: '40m',
      labels: { ...region, component: 'regional_kafka' },
    },
    quiet: { series: { [of('farshore_logins_not_renewed_total', { component: 'regional_kafka' })]: always(3) }, at: '40m' },
  },
  {
    name: 'FarshoreSchemasNotFetched',
    severity: 'warning',
    expr: 'sum by (region) (increase(farshore_schema_fetches_total{result="failed"}[10m])) > 0',
    for: '10m',
    summary: 'The schema registry fails.',
    description: 'Schemas for {{ $labels.region }} cannot be fetched. Known ones are kept; records with a new one wait.',
    runbook: 'primary-unreachable.md#the-schema-registry',
    fires: { series: { [of('farshore_schema_fetches_total', { result: 'failed' })]: '0+1x60' }, at: '30m', labels: region },
    quiet: { series: { [of('farshore_schema_fetches_total', { result: 'failed' })]: once(0, 1) }, at: '39m' },
  },
  {
    name: 'FarshoreVersionsMixed',
    severity: 'info',
    expr: 'count by (region) (count by (region, version) (farshore_build_info)) > 1',
    for: '1h',
    summary: 'The daemons of a region run different versions.',
    description: '{{ $value }} versions of Farshore run in {{ $labels.region }}: an upgrade was not finished.',
    runbook: 'upgrade-and-rollback.md#several-versions-run',
    fires: {
      series: { [build('a:8320', '0.1.0')]: always(1, 120), [build('b:8320', '0.2.0')]: always(1, 120) },
      at: '90m',
      labels: region,
      value: '2',
    },
    quiet: { series: { [build('a:8320', '0.1.0')]: always(1, 120), [build('b:8320', '0.1.0')]: always(1, 120) }, at: '90m' },
  },
];

import { RUNBOOKS } from './rules.ts';

/** Grafana's units of what a panel shows. */
type Unit = 's' | 'short' | 'ops' | 'Bps' | 'bytes' | 'percentunit' | 'none';

interface Panel {
  readonly title: string;
  readonly about: string;
  readonly unit: Unit;
  /** PromQL by legend. */
  readonly lines: Readonly<Record<string, string>>;
  /** A single value, red from here on. */
  readonly bad?: number;
  /** Together with `bad`: red below this too. */
  readonly badBelow?: number;
}

const here = 'region=~"$region"';
const topics = `${here},topic=~"$topic"`;
const rate = (metric: string, labels: string, by: string): string => `sum by (${by}) (rate(${metric}{${labels}}[$__rate_interval]))`;
const p99 = (metric: string, by: string): string =>
  `histogram_quantile(0.99, sum by (le, ${by}) (rate(${metric}_bucket{${here}}[$__rate_interval])))`;

/** Rows of the board, from "is all well?" to "why not?". */
const rows: Readonly<Record<string, readonly Panel[]>> = {
  'At a glance': [
    {
      title: 'Lag',
      about: 'The slowest partition. Absent while nothing is measured: unknown is not zero.',
      unit: 's',
      bad: 60,
      lines: { '{{region}}': `max by (region) (farshore_replication_lag_seconds{${here}})` },
    },
    {
      title: 'Lag not known',
      about: 'Partitions whose lag is not measured. Absent while none is mirrored: nobody measured, which is not zero.',
      unit: 'none',
      bad: 1,
      // 0 only where something is measured: with farshore_leader instead, a region that measures nothing would show none unknown.
      lines: { '{{region}}': `count by (region) (farshore_lag_known{${here}} == 0) or 0 * max by (region) (farshore_lag_known{${here}})` },
    },
    {
      title: 'Leaders',
      about: 'One daemon leads; 0 and 2 are alarms.',
      unit: 'none',
      badBelow: 1,
      bad: 2,
      lines: { '{{region}}': `sum by (region) (farshore_leader{${here}})` },
    },
    {
      title: 'Stopped',
      about: 'Partitions and tables that wait for an operator.',
      unit: 'none',
      bad: 1,
      lines: {
        'partitions {{stage}}': `sum by (stage) (farshore_partitions_stopped{${here}})`,
        tables: `sum(farshore_tables_stopped{${here}})`,
      },
    },
    {
      title: 'Rejected and parked',
      about: 'Records that are kept because they could not be applied, or wait for another row.',
      unit: 'none',
      bad: 1,
      lines: { rejected: `sum(farshore_rejected_records{${here}})`, parked: `sum(farshore_parked_records{${here}})` },
    },
    {
      title: 'Budget for lag, bad part of 3 days',
      about: 'The objective allows 0.5 % of the time.',
      unit: 'percentunit',
      bad: 0.005,
      lines: { '{{region}}': `farshore:lag_bad:ratio_3d{${here}}` },
    },
  ],
  Lag: [
    {
      title: 'Lag by topic',
      about: 'Age of the newest log end that has since been passed. Which stage is behind: mirror or apply.',
      unit: 's',
      lines: { '{{topic}} {{stage}}': `max by (topic, stage) (farshore_replication_lag_seconds{${topics}})` },
    },
    {
      title: 'Records behind',
      about: 'An upper bound, in offsets.',
      unit: 'short',
      lines: { '{{topic}} {{stage}}': `sum by (topic, stage) (farshore_replication_lag_records{${topics}})` },
    },
    {
      title: 'Heartbeat',
      about: 'From the primary through mirror and apply, by one clock.',
      unit: 's',
      lines: {
        'p99 {{region}}': p99('farshore_heartbeat_latency_seconds', 'region'),
        'age {{region}}': `max by (region) (farshore_heartbeat_age_seconds{${here}})`,
      },
    },
    {
      title: 'Retention headroom',
      about: 'Offsets between the start of the log at home and the mirror. At 0 the next deletion loses records.',
      unit: 'short',
      lines: { '{{topic}}': `min by (topic) (farshore_retention_headroom_records{${topics}})` },
    },
  ],
  Flow: [
    {
      title: 'Records',
      about: 'Durable in the regional Kafka, and covered by a durable position of apply.',
      unit: 'ops',
      lines: {
        'mirrored {{topic}}': rate('farshore_mirrored_records_total', topics, 'topic'),
        'applied {{topic}}': rate('farshore_records_consumed_total', topics, 'topic'),
      },
    },
    {
      title: 'Bytes',
      about: 'Of record batches, as they are compressed.',
      unit: 'Bps',
      lines: {
        'mirrored {{topic}}': rate('farshore_mirrored_bytes_total', topics, 'topic'),
        'read {{topic}}': rate('farshore_consumed_bytes_total', topics, 'topic'),
      },
    },
    {
      title: 'Rows',
      about: 'Written and deleted; skipped as stale, duplicate or folded.',
      unit: 'ops',
      lines: {
        '{{table}} {{op}}': rate('farshore_records_applied_total', here, 'table, op'),
        '{{table}} {{reason}}': rate('farshore_records_skipped_total', here, 'table, reason'),
      },
    },
    {
      title: 'Time of a transaction, p99',
      about: 'High in mirror: the regional Kafka is slow. High in apply: the regional database is.',
      unit: 's',
      lines: {
        'mirror {{region}}': p99('farshore_mirror_cycle_duration_seconds', 'region'),
        'apply {{table}}': p99('farshore_apply_batch_duration_seconds', 'table'),
      },
    },
  ],
  'What goes wrong': [
    {
      title: 'Rejected, by error',
      about: 'Records that could not be applied and are kept.',
      unit: 'ops',
      lines: { '{{table}} {{code}}': rate('farshore_records_rejected_total', here, 'table, code') },
    },
    {
      title: 'Started over and tried again',
      about: 'Once is normal after a broker or the database restarted.',
      unit: 'ops',
      lines: {
        'mirror {{code}}': rate('farshore_mirror_rebuilds_total', here, 'code'),
        'apply {{code}}': rate('farshore_apply_retries_total', here, 'code'),
      },
    },
    {
      title: 'Dependencies',
      about: '1 while a dependency answers.',
      unit: 'none',
      lines: { '{{component}}': `min by (component) (farshore_component_up{${here}})` },
    },
    {
      title: 'Open transactions',
      about: 'For how long a last stable offset has stood still below its high watermark: lag does not see what waits behind.',
      unit: 's',
      lines: { '{{cluster}}': `max by (cluster) (farshore_last_stable_offset_stuck_seconds{${here}})` },
    },
  ],
  Shadow: [
    {
      title: 'Right answers, at least',
      about: 'Lower bound of the match ratio (Wilson, 95 %), as the gate reads it. Few comparisons cannot pass for many.',
      unit: 'percentunit',
      lines: { '{{route}}': `min by (route) (farshore_shadow_match_ratio_lower_bound{${here}})` },
    },
    {
      title: 'Verdicts',
      about: 'mismatch is confirmed. match, noise and lag are right; unsettled counts against the ratio; the rest compared nothing.',
      unit: 'ops',
      lines: { '{{result}}': rate('farshore_shadow_comparisons_total', here, 'result') },
    },
    {
      title: 'Time of an answer, p99',
      about: 'To the last byte of the first answer of each side. 5 s is the most that is told.',
      unit: 's',
      lines: { '{{side}} {{route}}': p99('farshore_shadow_answer_duration_seconds', 'side, route') },
    },
    {
      title: 'Last comparison',
      about: 'How long ago. It grows while the shadow starves; not known before the first.',
      unit: 's',
      lines: { '{{region}}': `max by (region) (farshore_shadow_last_comparison_age_seconds{${here}})` },
    },
  ],
  'The process': [
    {
      title: 'Memory',
      about: 'Resident, and what record batches hold.',
      unit: 'bytes',
      lines: {
        '{{instance}}': 'process_resident_memory_bytes{job="farshore"}',
        'batches {{stage}}': `sum by (stage) (farshore_buffer_bytes{${here}})`,
      },
    },
    {
      title: 'Processor',
      about: 'Cores.',
      unit: 'percentunit',
      lines: { '{{instance}}': 'rate(process_cpu_seconds_total{job="farshore"}[$__rate_interval])' },
    },
  ],
};

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in.
const datasource = { type: 'prometheus', uid: '${datasource}' } as const;

function thresholds({ bad, badBelow }: Panel): readonly { readonly color: string; readonly value: number | null }[] {
  const from = badBelow === undefined ? [] : [{ color: 'green', value: badBelow }];
  const first = { color: badBelow === undefined ? 'green' : 'red', value: null };
  return [first, ...from, ...(bad === undefined ? [] : [{ color: 'red', value: bad }])];
}

function panel(shown: Panel, id: number, gridPos: object): object {
  const { title, about, unit, lines, bad } = shown;
  return {
    id,
    title,
    description: about,
    type: bad === undefined ? 'timeseries' : 'stat',
    datasource,
    gridPos,
    fieldConfig: {
      defaults: { unit, min: 0, noValue: 'not known', thresholds: { mode: 'absolute', steps: thresholds(shown) } },
      overrides: [],
    },
    options:
      bad === undefined
        ? { legend: { displayMode: 'list', placement: 'bottom', showLegend: true }, tooltip: { mode: 'multi', sort: 'desc' } }
        : { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'background', graphMode: 'area' },
    targets: Object.entries(lines).map(([legendFormat, expr], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      expr,
      legendFormat,
    })),
  };
}

const variable = (name: string, label: string, query: string): object => ({
  name,
  label,
  type: 'query',
  datasource,
  query: { query, refId: name },
  definition: query,
  refresh: 2,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { text: 'All', value: '$__all' },
});

/** deploy/grafana/farshore.json. */
export function dashboardFile(): string {
  const panels: object[] = [];
  let y = 0;
  for (const [title, shown] of Object.entries(rows)) {
    panels.push({ id: panels.length + 1, type: 'row', title, collapsed: false, panels: [], gridPos: { x: 0, y: y++, w: 24, h: 1 } });
    const isGlance = shown.every(({ bad }) => bad !== undefined);
    const [w, h] = isGlance ? [4, 5] : [12, 8];
    shown.forEach((one, index) => {
      const perLine = 24 / w;
      panels.push(panel(one, panels.length + 1, { x: (index % perLine) * w, y: y + Math.floor(index / perLine) * h, w, h }));
    });
    y += Math.ceil((shown.length * w) / 24) * h;
  }
  return `${JSON.stringify(
    {
      uid: 'farshore',
      title: 'Farshore',
      description: 'Made by scripts/generate-deploy.ts from scripts/deploy/dashboard.ts; edit that list, not this file.',
      tags: ['farshore'],
      schemaVersion: 39,
      version: 1,
      editable: true,
      timezone: 'utc',
      refresh: '15s',
      time: { from: 'now-3h', to: 'now' },
      links: [{ title: 'Runbooks', type: 'link', url: `${RUNBOOKS}/README.md`, targetBlank: true, icon: 'doc' }],
      templating: {
        list: [
          { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', current: {} },
          variable('region', 'Region', 'label_values(farshore_leader, region)'),
          variable('topic', 'Topic', 'label_values(farshore_lag_known{region=~"$region"}, topic)'),
        ],
      },
      annotations: {
        list: [
          {
            name: 'Alerts',
            datasource,
            enable: true,
            iconColor: 'red',
            expr: 'ALERTS{alertname=~"Farshore.*",alertstate="firing"}',
            titleFormat: '{{alertname}}',
            textFormat: '{{region}} {{topic}} {{table}}',
          },
        ],
      },
      panels,
    },
    null,
    2,
  )}\n`;
}

// Each table of the region: whether it is applied, what is kept of it, and how much of it is proved.
import { read } from '../api.js';
import { h } from '../dom.js';
import { count, figure, percent, plural, seconds } from '../format.js';
import { badge, heading, problem, runbookLink, section, table } from '../parts.js';

function lagOf(partitions, topics) {
  const lags = partitions.filter(({ topic }) => topics.has(topic)).map(({ lag }) => lag.total);
  if (lags.length === 0 || lags.some((lag) => lag === null || !lag.known || lag.seconds === null)) return null;
  return Math.max(...lags.map((lag) => lag.seconds));
}

function divergence(audited) {
  if (audited === undefined) return h('span.unknown', 'not compared');
  if (audited.refused.length > 0) return badge('attention', 'cannot be compared');
  if (audited.passAgeSeconds === null && audited.openPass === null) return h('span.unknown', 'not compared yet');
  const { missing, extra, changed } = audited.divergent;
  const rows = missing + extra + changed;
  if (rows === 0 && Math.max(audited.lastPass?.rowsUnlisted ?? 0, audited.openPass?.rowsUnlisted ?? 0) > 0)
    return h('a.badge.attention', { href: '#/audit' }, 'more than are listed');
  return rows === 0
    ? badge('fine', audited.passAgeSeconds === null ? 'none so far' : 'none')
    : h('a.badge.broken', { href: '#/audit' }, plural(rows, 'row'));
}

/** Rows written or deleted since the daemon started, as its metrics count them: a table without a sample is not called 0. */
function appliedByTable(metrics) {
  const applied = new Map();
  for (const [, labels, value] of metrics.matchAll(/^farshore_records_applied_total\{(.*)\} (\S+)$/gm)) {
    const [, table] = /(?:^|,)table="((?:[^"\\]|\\.)*)"/.exec(labels) ?? [];
    if (table === undefined) continue;
    const name = table.replaceAll(/\\(.)/g, '$1');
    applied.set(name, (applied.get(name) ?? 0) + Number(value));
  }
  return applied;
}

export const tables = {
  title: 'Tables',
  everyMs: 3_000,
  load: async () => {
    const [status, audit, metrics] = await Promise.all([
      read('/api/status'),
      read('/api/audit'),
      fetch('/metrics').then((answer) => (answer.ok ? answer.text() : '')),
    ]);
    return { status, audit, applied: appliedByTable(metrics) };
  },
  render({ data, error }) {
    if (data === undefined) return [heading('Tables'), error === undefined ? h('p.empty', 'Asking the daemon…') : problem(error)];
    const { status, audit, applied } = data;
    const names = [...new Set(status.tables.map((one) => one.table))].sort();
    const rows = names.map((name) => {
      const entries = status.tables.filter((one) => one.table === name);
      const stopped = entries.filter(({ state }) => state === 'stopped');
      const audited = audit.known ? audit.tables.find((one) => one.table === name) : undefined;
      const kept = status.rejected === null ? undefined : (status.rejected.find((one) => one.table === name) ?? { records: 0, parked: 0 });
      return {
        key: name,
        cells: [
          name,
          entries.map(({ topic }) => topic).join(', '),
          [
            badge(stopped.length > 0 ? 'stopped' : 'applying'),
            stopped.map(({ reason }) => h('p.why', reason ?? '')),
            entries.some(({ needsFullAudit }) => needsFullAudit === true)
              ? h('p', badge('attention', 'needs a full audit'), ' ', runbookLink('records-lost.md#a-table-needs-a-full-audit'))
              : null,
          ],
          figure(lagOf(status.partitions, new Set(entries.map(({ topic }) => topic))), seconds),
          figure(applied.get(name), count),
          figure(kept?.records, count),
          figure(kept?.parked, count),
          audited === undefined || (audited.passAgeSeconds === null && audited.openPass === null)
            ? h('span.unknown', 'unknown')
            : figure(audited.coverage, percent),
          audited?.passAgeSeconds == null ? h('span.unknown', 'never') : `${seconds(audited.passAgeSeconds)} ago`,
          divergence(audited),
        ],
      };
    });
    return [
      heading(
        'Tables',
        h('p.quiet', `${plural(names.length, 'table')}, ${count(status.counters.appliedRecords)} records applied since the start`),
      ),
      error === undefined ? null : problem(error),
      audit.enabled
        ? audit.known
          ? null
          : h('div.banner.attention', h('p', 'The audit cannot be asked: whether rows differ is not known.'))
        : h('div.banner.attention', h('p', 'The audit is off: whether rows differ is not known.')),
      section(
        'Applied tables',
        table({
          caption: 'Tables with state, lag, kept records and divergence',
          columns: [
            { name: 'Table' },
            { name: 'Topic' },
            { name: 'State' },
            { name: 'Lag', isFigure: true },
            { name: 'Rows written', isFigure: true },
            { name: 'Rejected', isFigure: true },
            { name: 'Parked', isFigure: true },
            { name: 'Coverage', isFigure: true },
            { name: 'Compared', isFigure: true },
            { name: 'Rows that differ' },
          ],
          rows,
          empty: status.role === 'active' ? 'No table is applied.' : `This daemon is ${status.role}: the active one shows the tables.`,
        }),
      ),
    ];
  },
};

// The first look: is it right, and if not, what is it and where does one go.
import { chartPlace, drawChart } from '../charts.js';
import { h } from '../dom.js';
import { count, figure, percent, plural, rate, seconds, short, when, words } from '../format.js';
import { badge, facts, lookOf, runbookLink, section } from '../parts.js';
import { pathPicture } from '../path-picture.js';
import { verdictNow } from '../top.js';

const lagChart = {
  key: 'lag',
  title: 'Lag, worst partition',
  format: seconds,
  axis: { least: 1, format: (value) => (value >= 60 ? `${Math.round(value / 6) / 10} min` : `${Math.round(value * 100) / 100} s`) },
  series: [
    { label: 'end to end', look: 'total', fill: true, value: ({ lagSeconds }) => lagSeconds.total },
    { label: 'mirror', look: 'mirror', value: ({ lagSeconds }) => lagSeconds.mirror },
    { label: 'apply', look: 'apply', value: ({ lagSeconds }) => lagSeconds.apply },
  ],
};
const rateChart = {
  key: 'rate',
  title: 'Records per second',
  format: rate,
  axis: { least: 10, format: short },
  series: [
    { label: 'mirrored', look: 'mirror', value: ({ mirroredPerSecond }) => mirroredPerSecond },
    { label: 'applied', look: 'apply', value: ({ appliedPerSecond }) => appliedPerSecond },
  ],
};

const verdictWords = {
  fine: 'All is well',
  attention: 'Somebody should look',
  broken: 'Something is broken',
  unknown: 'Not known',
};

function verdictCard(live) {
  const verdict = verdictNow(live);
  const { status } = live;
  return h(
    'section.verdict-card',
    { class: lookOf(verdict.state), 'aria-labelledby': 'verdict', 'data-verdict': verdict.state },
    h('div.verdict-mark', { 'aria-hidden': 'true' }, { fine: '✓', attention: '!', broken: '✕', unknown: '?' }[verdict.state]),
    h(
      'div',
      h('h1', { id: 'verdict', tabindex: '-1' }, verdictWords[verdict.state]),
      verdict.old === null ? null : h('p', verdict.old, status === undefined ? null : ' The reasons below were true then.'),
      verdict.reasons.length === 0
        ? verdict.state === 'fine'
          ? h(
              'p',
              'Every partition runs, no record waits for somebody, and ',
              h('strong', 'the region is ', seconds(status.lag.total.worstSeconds), ' behind'),
              '.',
            )
          : null
        : h('ul.reasons', verdict.reasons.map(reasonLine)),
      verdict.unmeasured.length === 0 ? null : h('p.quiet', 'This says nothing of: ', verdict.unmeasured.map(lower).join('; '), '.'),
    ),
  );
}

const lower = (text) => text[0].toLowerCase() + text.slice(1);
const reasonLine = ({ state, what, view, runbook }) =>
  h(
    'li',
    badge(state),
    h('span.what', what),
    h('span.links', view === '#/' ? null : h('a', { href: view }, 'Look'), runbook === null ? null : runbookLink(runbook)),
  );

const tile = (name, href, value, note, look = 'quiet') =>
  h('a.tile', { href, class: look }, h('span.tile-name', name), h('span.tile-value', value), h('span.tile-note', note));

function tiles(status) {
  const { lag, states, rejected, divergentRows, shadow, audit, cutover, backfills } = status;
  const kept = rejected?.reduce((sum, { records }) => sum + records, 0) ?? null;
  const parked = rejected?.reduce((sum, one) => sum + one.parked, 0) ?? null;
  const total = lag.total.unknown > 0 || lag.total.partitions === 0 ? null : lag.total.worstSeconds;
  const stopped = states.mirror.stopped + states.apply.stopped;
  return h(
    'div.tiles',
    tile(
      'Lag, end to end',
      '#/partitions',
      figure(total, seconds),
      total === null ? `${lag.total.unknown} of ${lag.total.partitions} partitions unknown` : `${count(lag.total.records)} records`,
      total === null ? 'unknown' : total > 300 ? 'broken' : total > 60 ? 'attention' : 'fine',
    ),
    tile(
      'Partitions',
      '#/partitions',
      figure(lag.mirror.partitions, count),
      stopped > 0 ? `${stopped} stopped` : `${states.mirror.running} mirrored, ${states.apply.running} applied`,
      stopped > 0 ? 'broken' : 'quiet',
    ),
    tile(
      'Rejected records',
      '#/rejected',
      figure(kept, count),
      parked === null ? 'not counted yet' : `${count(parked)} parked`,
      kept === null ? 'unknown' : kept > 0 ? 'attention' : 'fine',
    ),
    tile(
      'Rows that differ',
      '#/audit',
      audit.enabled ? figure(divergentRows, count) : h('span.unknown', 'not compared'),
      audit.enabled ? `${audit.compared} of ${plural(audit.tables, 'table')} compared` : 'the audit is off',
      !audit.enabled || divergentRows === null ? 'unknown' : divergentRows > 0 ? 'broken' : 'fine',
    ),
    tile(
      'Right answers',
      '#/shadow',
      shadow.comparing ? figure(shadow.ratio, percent) : h('span.unknown', 'not compared'),
      shadow.comparing ? `of ${count(shadow.samples)} compared` : 'no shadow',
      shadow.ratio === null ? 'unknown' : shadow.mismatches > 0 ? 'attention' : 'fine',
    ),
    tile(
      'Cutover',
      '#/cutover',
      cutover?.state == null ? h('span.unknown', 'unknown') : h('span.word', words(cutover.state)),
      cutover === null ? 'not read yet' : cutover.active ? 'this region may serve' : 'the primary is home',
      cutover?.state == null ? 'unknown' : 'quiet',
    ),
    tile(
      'Backfills',
      '#/backfills',
      count(backfills.open),
      backfills.failed > 0 ? `${backfills.failed} failed` : 'open',
      backfills.failed > 0 ? 'attention' : 'quiet',
    ),
  );
}

function daemonFacts(status, nowMs) {
  const { heartbeat } = status;
  return facts([
    ['Role', words(status.role)],
    ['Version', status.version],
    ['Started', when(status.startedAt, nowMs)],
    ['Heartbeat through the path', figure(heartbeat.latencySeconds, seconds)],
    ['Newest heartbeat', heartbeat.ageSeconds === null ? h('span.unknown', 'none came back') : `${seconds(heartbeat.ageSeconds)} old`],
    ['Mirrored since start', figure(status.counters.mirroredRecords, count)],
    ['Applied since start', figure(status.counters.appliedRecords, count)],
    ['Lease', status.leaseEpoch === null ? 'not held' : `epoch ${status.leaseEpoch}`],
  ]);
}

const components = ({ components: list }) =>
  list.length === 0
    ? h('p.empty', 'Nothing is known of them yet.')
    : h(
        'ul.components',
        list.map(({ component, up, reason }) =>
          h('li', badge(up ? 'up' : 'down'), h('span', words(component)), reason === null ? null : h('span.quiet', reason)),
        ),
      );

export const overview = {
  title: 'Overview',
  render({ live, nowMs }) {
    const { status, samples } = live;
    if (status === undefined) return [verdictCard(live)];
    return [
      verdictCard(live),
      section('The way of the data', pathPicture(status)),
      tiles(status),
      h('div.two', { 'data-key': 'charts' }, h('div.card', chartPlace(lagChart, samples)), h('div.card', chartPlace(rateChart, samples))),
      h('div.two', { 'data-key': 'more' }, section('Daemon', daemonFacts(status, nowMs)), section('Dependencies', components(status))),
    ];
  },
  after(root, { live }) {
    drawChart(root, lagChart, live.samples);
    drawChart(root, rateChart, live.samples);
  },
};

// What stands above every page: which region, the verdict, how fresh the figures are, and where one can go.
import { h, show } from './dom.js';
import { clock } from './format.js';
import { lookOf } from './parts.js';

const places = [
  ['', 'Overview'],
  ['partitions', 'Partitions'],
  ['tables', 'Tables'],
  ['rejected', 'Rejected'],
  ['audit', 'Audit'],
  ['backfills', 'Backfills'],
  ['shadow', 'Shadow'],
  ['cutover', 'Cutover'],
  ['events', 'Events'],
  ['runbooks', 'Runbooks'],
];

/** Figures that are old say nothing of now. */
export function verdictNow({ status, isStale, problem }) {
  if (status === undefined)
    return { state: 'unknown', reasons: [], unmeasured: [], old: problem ?? 'Nothing was heard of the daemon yet.' };
  if (!isStale) return { ...status.verdict, old: null };
  return { ...status.verdict, state: 'unknown', old: `${problem ?? ''} What is shown is from ${clock(status.at)}.`.trim() };
}

export function drawTop(live, here, title) {
  const { status, isStale } = live;
  const verdict = verdictNow(live);
  const region = status === undefined ? '' : status.region;
  const heading = region === '' ? 'Farshore' : `${region} is ${verdict.state}`;
  if (document.title !== `${heading} · ${title}`) document.title = `${heading} · ${title}`;
  show(
    document.getElementById('place'),
    status === undefined
      ? []
      : [
          h('strong', region),
          h('span.quiet', ` copy of ${status.primary}`),
          h('a.badge.verdict', { class: lookOf(verdict.state), href: '#/' }, verdict.state),
        ],
  );
  const freshness = document.getElementById('freshness');
  freshness.className = isStale ? 'old' : '';
  // Said when it changes, not each second: a screen reader would not stop.
  const text = isStale ? (verdict.old ?? 'Asking the daemon…') : 'Live';
  if (freshness.textContent !== text) freshness.textContent = text;
  show(document.getElementById('nav'), [
    h(
      'ul',
      places.map(([path, name]) =>
        h('li', h('a', { href: `#/${path}`, 'aria-current': path === here ? 'page' : null }, name, marker(path, status))),
      ),
    ),
  ]);
}

/** A number where something waits for somebody. */
function marker(path, status) {
  if (status === undefined) return null;
  const waiting = {
    partitions: status.states.mirror.stopped + status.states.apply.stopped,
    tables: status.tables.stopped,
    rejected: status.rejected?.reduce((sum, { records }) => sum + records, 0) ?? 0,
    audit: status.divergentRows ?? 0,
    backfills: status.backfills.failed,
    shadow: status.shadow.mismatches,
  }[path];
  return waiting === undefined || waiting === 0 ? null : h('span.count', waiting > 999 ? '999+' : waiting);
}

// The way of the data, from the primary's database to the region's, with what flows and how late it is at each hop.
import { h } from './dom.js';
import { figure, plural, rate, seconds, words } from './format.js';
import { lookOf } from './parts.js';

export function pathPicture(status) {
  const component = (name) => status.components.find((one) => one.component === name);
  const homeIsRegion = status.cutover?.state === 'switched' || status.cutover?.state === 'completed';
  return h(
    'ol.path',
    { 'aria-label': 'The way of the data' },
    place(status.primary, 'PostgreSQL', undefined, 'not watched', !homeIsRegion),
    hop('outbox', ['writers’ own'], [firstHop(status)], 'quiet', false),
    place(status.primary, 'Kafka', component('primary_kafka')),
    stage('mirror', status, status.sample.mirroredPerSecond),
    place(status.region, 'Kafka', component('regional_kafka')),
    stage('apply', status, status.sample.appliedPerSecond),
    place(status.region, 'PostgreSQL', component('regional_database'), undefined, homeIsRegion),
  );
}

function place(where, what, component, unwatched, isHome = false) {
  const state = component === undefined ? (unwatched ?? 'unknown') : component.up ? 'up' : 'down';
  return h(
    'li.place',
    { class: component === undefined ? (unwatched === undefined ? 'unknown' : 'quiet') : lookOf(state) },
    h('span.where', where, isHome ? h('span.home', 'home') : null),
    h('span.what', what),
    h('span.state', h('span.dot', { 'aria-hidden': 'true' }), state),
  );
}

/** Offsets do not see what a publisher left out: only the comparison of rows does. */
function firstHop({ audit, divergentRows }) {
  if (!audit.enabled) return 'not compared';
  if (divergentRows === null) return 'not compared yet';
  return divergentRows === 0 ? `audited: ${plural(audit.compared, 'table')}` : `${plural(divergentRows, 'row')} differ`;
}

function stage(name, status, perSecond) {
  const lag = status.lag[name];
  const states = status.states[name];
  const known = lag.partitions > 0 && lag.unknown === 0;
  const look = states.stopped > 0 ? 'broken' : states.paused > 0 ? 'attention' : known ? 'fine' : 'unknown';
  const odd = ['stopped', 'paused', 'waiting'].filter((state) => states[state] > 0).map((state) => `${states[state]} ${state}`);
  return hop(
    name,
    [figure(perSecond, rate), h('small', ' records/s')],
    [
      known
        ? [figure(lag.worstSeconds, seconds), h('small', ' behind')]
        : h('span.unknown', lag.unknown > 0 ? `lag of ${lag.unknown} unknown` : 'lag unknown'),
      odd.length === 0 ? null : h('span.odd', odd.join(', ')),
    ],
    look,
    perSecond > 0,
  );
}

const hop = (name, above, below, look, flows) =>
  h(
    'li.hop',
    { class: look },
    h('span.name', words(name)),
    h('span.rate', above),
    h('span.arrow', { 'aria-hidden': 'true', class: flows ? 'flows' : null }),
    h('span.lag', below),
  );

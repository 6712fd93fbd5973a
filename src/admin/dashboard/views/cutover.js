// Where the home is, whether it may move, what would happen, and the levers, each behind the typed name of the region.
import { act } from '../act.js';
import { change, read } from '../api.js';
import { h } from '../dom.js';
import { clock, count, plural, seconds, when, words } from '../format.js';
import { badge, button, facts, heading, problem, runbookLink, section, table } from '../parts.js';

const states = ['observing', 'shadowing', 'ready', 'draining', 'switched', 'completed'];

const verbs = {
  start: {
    name: 'Start the cutover…',
    what: 'Writers at the primary are frozen, the region drains, and the home moves here. Every step is proved before the next.',
    danger: true,
  },
  abort: { name: 'Abort…', what: 'The move is given up and the primary is opened again.', danger: true },
  revert: { name: 'Revert…', what: 'The home moves back to the primary, with everything the region wrote.', danger: true },
  complete: { name: 'Complete…', what: 'The move is final: there is no way back by this daemon.', danger: true },
  hold: { name: 'Hold…', what: 'Nothing moves until somebody releases it. Give a reason for whoever finds it.', danger: false },
  release: { name: 'Release…', what: 'The hold ends.', danger: false },
};

function pull(verb, plan, reload) {
  const { name, what, danger } = verbs[verb];
  const region = h('input', { id: 'region', type: 'text', autocomplete: 'off', spellcheck: 'false' });
  const reason = h('input', { id: 'reason', type: 'text', maxlength: '200', autocomplete: 'off' });
  return act({
    ask: {
      title: name.replace('…', ` of ${plan.region}`),
      body: [
        h('p', what),
        verb === 'hold' ? [h('label', { for: 'reason' }, 'Reason'), reason] : null,
        h('label', { for: 'region' }, 'Type the name of the region, ', h('strong', plan.region)),
        region,
      ],
      confirm: name.replace('…', ''),
      isDangerous: danger,
      isReady: () => region.value.trim() === plan.region && (verb !== 'hold' || reason.value.trim() !== ''),
      unready:
        verb === 'hold'
          ? 'Give a reason, and type the name of the region as it is written above.'
          : 'Type the name of the region as it is written above.',
    },
    work: () =>
      change(`/api/cutover/${verb}`, { region: region.value.trim(), ...(verb === 'hold' ? { reason: reason.value.trim() } : {}) }),
    done: ({ cutover: { state, hold } }) => `${words(verb)}: taken. The cutover is ${state}${hold === null ? '' : ', on hold'}.`,
  }).then(reload);
}

const levers = (plan, reload) =>
  h(
    'ul.levers',
    plan.verbs.map(({ verb, refused }) =>
      h(
        'li',
        { 'data-key': verb },
        button(verbs[verb].name, () => pull(verb, plan, reload), { isOff: refused !== null, isDangerous: verbs[verb].danger }),
        h('p.quiet', refused ?? 'It would be taken now.'),
      ),
    ),
  );

const evidence = (gateFacts) =>
  h(
    'span.evidence',
    Object.entries(gateFacts).map(([name, value]) =>
      h('span', `${name.replaceAll(/([A-Z])/g, ' $1').toLowerCase()} `, h('strong', value === null ? 'unknown' : String(value))),
    ),
  );

const gateRow = (one, nowMs) => ({
  key: one.gate,
  cells: [
    words(one.gate),
    badge(one.open ? 'open' : 'shut'),
    one.since === null ? h('span.unknown', 'first reading') : when(one.since, nowMs),
    h('div.why', one.reason === null ? null : h('p', one.reason), evidence(one.facts)),
  ],
});

function gates(plan, nowMs) {
  const { measured } = plan;
  if (measured === null)
    return section('Gates', h('p.empty', 'This daemon stands by: only the active one measures. The gates are not known here.'));
  const { window } = measured;
  const open = measured.gates.filter((one) => one.open).length;
  return section(
    'Gates',
    h(
      'p',
      `${open} of ${measured.gates.length} open. `,
      window.broken === null
        ? `All held for ${seconds(window.heldSeconds)} of ${seconds(window.seconds)}.`
        : `The window of ${seconds(window.seconds)} begins anew: ${window.broken}.`,
      ' ',
      h('span.quiet', 'Measured ', when(measured.at, nowMs), '.'),
    ),
    h('progress', {
      max: String(window.seconds),
      value: window.broken === null ? Math.min(window.heldSeconds, window.seconds) : 0,
      'aria-label': 'How long all gates have held',
    }),
    table({
      caption: 'Gates with their evidence',
      columns: [{ name: 'Gate' }, { name: 'State' }, { name: 'Since' }, { name: 'Why, and what was measured' }],
      rows: [...measured.gates].sort((a, b) => Number(a.open) - Number(b.open)).map((one) => gateRow(one, nowMs)),
      empty: 'Nothing was measured yet.',
    }),
  );
}

const steps = (plan) =>
  section(
    'Steps of a move',
    plan.steps.length === 0
      ? h('p.empty', 'No step is planned.')
      : h(
          'ol.steps',
          plan.steps.map((one) =>
            h(
              'li',
              { 'data-key': one.step },
              badge(one.state === 'to_do' ? 'quiet' : one.state, one.state === 'to_do' ? 'to do' : one.state),
              h('div', h('strong', words(one.step)), h('p.quiet', one.what)),
            ),
          ),
        ),
    plan.hooks.length === 0 ? null : h('p.quiet', 'Hooks: ', plan.hooks.map(({ on, what }) => `${on}: ${what}`).join('; ')),
  );

const history = (log, nowMs) =>
  section(
    'What happened',
    table({
      caption: 'The log of the cutover',
      columns: [{ name: 'When' }, { name: 'Who' }, { name: 'What' }, { name: 'To' }, { name: 'Why' }],
      rows: log.map((one) => ({
        key: one.revision,
        cells: [
          when(one.at, nowMs),
          one.by,
          [words(one.event), one.step === null ? null : ` ${words(one.step)}`],
          one.from === one.to ? one.to : `${one.from} → ${one.to}`,
          h(
            'div.why',
            h('p', one.reason),
            one.hooks.map(({ hook, result, detail }) =>
              h('p.quiet', badge(result ?? 'unknown'), ` ${hook}`, detail === null ? null : `: ${detail}`),
            ),
          ),
        ],
      })),
      empty: 'Nothing has moved yet.',
    }),
  );

export const cutover = {
  title: 'Cutover',
  everyMs: 2_000,
  load: async () => ({ plan: await read('/api/cutover'), log: (await read('/api/cutover/log?limit=50')).log }),
  render({ data, error, nowMs, reload }) {
    if (data === undefined) return [heading('Cutover'), error === undefined ? h('p.empty', 'Asking the daemon…') : problem(error)];
    const { plan, log } = data;
    return [
      heading('Cutover', runbookLink('cutover.md#before')),
      error === undefined ? null : problem(error),
      plan.hold === null
        ? null
        : h(
            'div.banner.attention',
            h('p', h('strong', `On hold by ${plan.hold.by}: `), plan.hold.reason),
            h('p', `Since ${clock(plan.hold.at)}`),
          ),
      section(
        'Where it stands',
        h(
          'ol.states',
          { 'aria-label': 'States of a cutover' },
          states.map((state) => h('li', { 'aria-current': state === plan.state ? 'step' : null }, state)),
        ),
        facts([
          ['Since', when(plan.since, nowMs)],
          ['Why', plan.reason],
          ['Home', plan.home === 'region' ? `${plan.region} (this region)` : `${plan.primary} (the primary)`],
          ['Writers open at', plan.open === 'nobody' ? 'nobody' : plan.open === 'region' ? plan.region : plan.primary],
          ['Home epoch', count(plan.epoch)],
        ]),
      ),
      section(
        'Levers',
        h(
          'p.quiet',
          `${plural(plan.verbs.filter(({ refused }) => refused === null).length, 'lever')} would be taken now. A primary that is lost is given up by the command line only: see the `,
          runbookLink('cutover.md#the-primary-is-lost'),
          '.',
        ),
        levers(plan, reload),
      ),
      gates(plan, nowMs),
      steps(plan),
      history(log, nowMs),
    ];
  },
};

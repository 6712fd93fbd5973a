// Whether the region answers as the primary does: by route, by the places that differ, with an example side by side.
import { read, readSecret } from '../api.js';
import { h } from '../dom.js';
import { count, figure, percent, rate, seconds, when } from '../format.js';
import { badge, button, facts, heading, problem, section, table } from '../parts.js';

const SHOWN_FIELDS = 12;
const ms = (latency) => (latency === null ? h('span.unknown', 'unknown') : `${rate(latency.p50Ms)} / ${rate(latency.p99Ms)}`);

function routeRow(one) {
  return {
    key: one.route,
    cells: [
      one.route,
      one.counts.mismatch > 0
        ? badge('mismatch', `${count(one.counts.mismatch)} wrong`)
        : one.samples === 0
          ? h('span.unknown', 'none compared')
          : badge('match', 'right'),
      figure(one.ratio, percent),
      figure(one.lowerBound, percent),
      count(one.samples),
      `${count(one.counts.noise)} / ${count(one.counts.lag)}`,
      `${count(one.counts.unsettled)} / ${count(one.counts.error)}`,
      ms(one.latency.primary),
      ms(one.latency.region),
    ],
  };
}

const fieldRow = (route, one) => ({
  key: `${route} ${one.path} ${one.kind} ${one.result}`,
  cells: [
    h('code', one.path),
    route,
    badge(one.result),
    one.kind,
    rate(one.weight),
    count(one.count),
    `${percent(one.rawRate)} / ${percent(one.noiseRate)}`,
  ],
});

function diffCard(one, nowMs) {
  const side = (name, value) => h('div', h('h3', name), value === null ? h('p.quiet', 'nothing there') : h('pre', value));
  return h(
    'li.card',
    { 'data-key': `${one.route} ${one.path} ${one.kind} ${one.result}` },
    h(
      'p',
      badge(one.result),
      ' ',
      h('strong', one.route),
      ' at ',
      h('code', one.path),
      h('span.quiet', ` · ${one.kind}, ${count(one.count)} times, last `),
      when(one.lastSeen, nowMs),
    ),
    one.example === null
      ? h('p.quiet', 'No example is kept: ', h('code', 'shadow.compare.samples.keep'), ' is off.')
      : [
          h('p.quiet', h('code', `${one.example.method} ${one.example.target}`)),
          h('div.sides', side('Primary', one.example.primary), side('Region', one.example.region)),
        ],
  );
}

export const shadow = {
  title: 'Shadow',
  everyMs: 3_000,
  load: async ({ local }) => ({
    view: await read('/api/shadow'),
    diffs: local.wanted === true ? (await readSecret('/api/shadow/diffs?limit=50')).diffs : undefined,
  }),
  render({ data, error, local, nowMs, reload }) {
    if (data === undefined) return [heading('Shadow'), error === undefined ? h('p.empty', 'Asking the daemon…') : problem(error)];
    const { view, diffs } = data;
    const { total } = view;
    const fields = view.routes
      .flatMap(({ route, fields: list }) => list.filter(({ result }) => result !== 'noise').map((one) => ({ route, one })))
      .sort((a, b) => b.one.weight - a.one.weight)
      .slice(0, SHOWN_FIELDS);
    const show = () => {
      local.wanted = true;
      return reload();
    };
    return [
      heading('Shadow', h('p.quiet', view.comparing ? `the last ${view.windowHours} h` : '')),
      error === undefined ? null : problem(error),
      view.comparing
        ? null
        : h('div.banner.attention', h('p', 'Nothing is compared here now: whether the region answers as the primary does is not known.')),
      section(
        'All routes',
        facts([
          ['Right answers', figure(total.ratio, percent)],
          ['At least, with 95 % confidence', figure(total.lowerBound, percent)],
          ['Compared', view.comparing ? count(total.samples) : h('span.unknown', 'none')],
          ['Wrong', view.comparing ? count(total.counts.mismatch) : h('span.unknown', 'unknown')],
          ['Shed or skipped', `${count(total.counts.shed)} / ${count(total.counts.skipped)}`],
          ['Wait to be asked again', count(view.waiting)],
          [
            'Last comparison',
            view.secondsSinceComparison === null ? h('span.unknown', 'none yet') : `${seconds(view.secondsSinceComparison)} ago`,
          ],
        ]),
      ),
      section(
        'Routes, the worst first',
        table({
          caption: 'Routes with their scores',
          columns: [
            { name: 'Route' },
            { name: 'Verdict' },
            { name: 'Right', isFigure: true },
            { name: 'At least', isFigure: true },
            { name: 'Compared', isFigure: true },
            { name: 'Noise / lag', isFigure: true },
            { name: 'Unsettled / error', isFigure: true },
            { name: 'Primary p50 / p99 ms', isFigure: true },
            { name: 'Region p50 / p99 ms', isFigure: true },
          ],
          rows: view.routes.map(routeRow),
          empty: 'No route was compared.',
        }),
      ),
      section(
        'Places that differ, by weight',
        h('p.quiet', 'Each wrong answer weighs 1, shared by the places that differ in it: causes stand above effects.'),
        table({
          caption: 'Places that differ',
          columns: [
            { name: 'Place' },
            { name: 'Route' },
            { name: 'Result' },
            { name: 'Kind' },
            { name: 'Weight', isFigure: true },
            { name: 'Times', isFigure: true },
            { name: 'Raw / noise', isFigure: true },
          ],
          rows: fields.map(({ route, one }) => fieldRow(route, one)),
          empty: 'No place differs beyond noise.',
        }),
      ),
      section(
        'Examples',
        diffs === undefined
          ? [h('p', 'What answers held is read with the token.'), h('div.actions', button('Show examples', show, { isPrimary: true }))]
          : diffs.length === 0
            ? h('p.empty', 'No difference is kept.')
            : h(
                'ul.standing',
                diffs.map((one) => diffCard(one, nowMs)),
              ),
      ),
    ];
  },
};

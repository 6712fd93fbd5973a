// Rows that are read from the primary's database beside the stream.
import { act } from '../act.js';
import { change, read } from '../api.js';
import { h } from '../dom.js';
import { count, figure, rate, when, words } from '../format.js';
import { badge, button, heading, problem, section, table } from '../parts.js';

const verbs = {
  running: ['pause', 'stop'],
  settling: ['pause', 'stop'],
  paused: ['resume', 'stop'],
  failed: ['resume', 'stop'],
};
const done = { pause: 'is paused', resume: 'goes on', stop: 'is stopped' };

const ask = {
  pause: undefined,
  resume: undefined,
  stop: (name) => ({
    title: `Stop the backfill of ${name}?`,
    body: h('p', 'Rows that were written stay. A new one starts from the first row.'),
    confirm: 'Stop it',
    isDangerous: true,
  }),
};

const changeIt = (verb, name, reload) =>
  act({
    ask: ask[verb]?.(name),
    work: () => change(`/api/backfill/${verb}`, { table: name }),
    done: () => `The backfill of ${name} ${done[verb]}.`,
  }).then(reload);

function start(tables, reload) {
  const name = h(
    'select',
    { id: 'backfill-table' },
    tables.map((one) => h('option', { value: one }, one)),
  );
  const where = h('input', { id: 'backfill-where', type: 'text', maxlength: '2000', autocomplete: 'off', placeholder: 'every row' });
  return act({
    ask: {
      title: 'Start a backfill',
      body: [
        h('p', 'Rows are read in chunks at the primary and written where the region has nothing newer.'),
        h('label', { for: 'backfill-table' }, 'Table'),
        name,
        h('label', { for: 'backfill-where' }, 'Only rows where (SQL at the primary)'),
        where,
      ],
      confirm: 'Start it',
      isReady: () => name.value !== '',
      unready: 'Choose a table.',
    },
    work: () => change('/api/backfill/start', { table: name.value, ...(where.value.trim() === '' ? {} : { where: where.value.trim() }) }),
    done: ({ id }) => `Backfill ${id} of ${name.value} is started.`,
  }).then(reload);
}

function row(one, nowMs, reload) {
  return {
    key: one.id,
    cells: [
      one.table,
      h(
        'div.why',
        h('p', badge(one.state)),
        one.waits === null ? null : h('p', one.waits),
        one.error === null ? null : h('p', one.error.message, one.error.hint === null ? null : h('span.quiet', ` · ${one.error.hint}`)),
        one.where === null ? null : h('p.quiet', h('code', one.where)),
      ),
      h(
        'div.meter',
        one.rowsExpected > 0
          ? h('progress', {
              max: String(Math.max(one.rowsExpected, one.rowsRead)),
              value: one.rowsRead,
              'aria-label': `Rows read of ${one.table}`,
            })
          : null,
        h('span', `${count(one.rowsRead)} of about ${count(one.rowsExpected)}`),
      ),
      count(one.rowsWritten),
      one.endedAt === null ? figure(one.rowsPerSecond, rate) : h('span.quiet', '–'),
      [when(one.startedAt, nowMs), h('p.quiet', `by ${one.by}`)],
      one.endedAt === null ? '' : when(one.endedAt, nowMs),
      h(
        'div.actions',
        (verbs[one.state] ?? []).map((verb) =>
          button(verb[0].toUpperCase() + verb.slice(1), () => changeIt(verb, one.table, reload), {
            label: `${words(verb)} the backfill of ${one.table}`,
            isDangerous: verb === 'stop',
          }),
        ),
      ),
    ],
  };
}

export const backfills = {
  title: 'Backfills',
  everyMs: 2_000,
  load: async () => {
    const [status, { tables }] = await Promise.all([read('/api/backfill'), read('/api/status')]);
    return { status, tables: [...new Set(tables.map((one) => one.table))].sort() };
  },
  render({ data, error, nowMs, reload }) {
    if (data === undefined) return [heading('Backfills'), error === undefined ? h('p.empty', 'Asking the daemon…') : problem(error)];
    const { status, tables } = data;
    if (!status.enabled)
      return [
        heading('Backfills'),
        h('div.banner.attention', h('p', 'There is nothing to read rows from: set ', h('code', 'primary.database'), '.')),
      ];
    return [
      heading(
        'Backfills',
        h(
          'div.actions',
          button('Start a backfill…', () => start(tables, reload)),
        ),
      ),
      error === undefined ? null : problem(error),
      section(
        'Open, and the last of each table',
        table({
          caption: 'Backfills with their progress',
          columns: [
            { name: 'Table' },
            { name: 'State' },
            { name: 'Read' },
            { name: 'Written', isFigure: true },
            { name: 'Rows/s', isFigure: true },
            { name: 'Started' },
            { name: 'Ended' },
            { name: 'Actions' },
          ],
          rows: status.backfills.map((one) => row(one, nowMs, reload)),
          empty: 'No table was backfilled.',
        }),
      ),
    ];
  },
};

// Where each partition stands, why it stands still, and the command or button that lets it go on.
import { act } from '../act.js';
import { change, read } from '../api.js';
import { h } from '../dom.js';
import { count, figure, plural, seconds, when, words } from '../format.js';
import { badge, button, command, heading, problem, runbookLink, section, table } from '../parts.js';

const SHOWN = 200;
const nameOf = ({ topic, partition }) => `${topic}:${partition}`;
const isOdd = ({ mirror, apply }) => [mirror, apply].some((stage) => stage !== null && stage.state !== 'running');

function lagCell(lag) {
  if (lag === null) return h('span.quiet', 'not applied');
  if (!lag.known || lag.seconds === null) return h('span.unknown', 'unknown');
  return [figure(lag.seconds, seconds), h('span.quiet', ` · ${count(lag.records)}`)];
}

const stageCell = (stage) => (stage === null ? h('span.quiet', '–') : badge(stage.state));

function pause(one, stage, reload) {
  return act({
    ask: {
      title: `Pause ${stage} of ${nameOf(one)}?`,
      body: h(
        'p',
        'It finishes what it has in hand and then waits until somebody resumes it. Lag grows meanwhile; nothing is lost as long as retention at home does not overtake it.',
      ),
      confirm: 'Pause it',
    },
    work: () => change('/api/partitions/pause', { topic: one.topic, partition: one.partition, stage }),
    done: () => `${stage} of ${nameOf(one)} is paused.`,
  }).finally(reload);
}

/** What going on would give up is said, and has to be ticked: the same words as the flags of the command. */
const accepts = [
  ['acceptLoss', '--accept-loss', 'The records that are gone are given up'],
  ['acceptRecreated', '--accept-recreated', 'The topic is another one than before'],
  ['acceptRewind', '--accept-rewind', 'Records from before are read again'],
];

function resume(one, stage, reload) {
  const { hint, message, lost } = one[stage];
  const offered = accepts.filter(([, flag]) => hint?.includes(flag));
  const ticks = offered.map(([, flag, meaning]) => {
    const box = h('input', { type: 'checkbox', id: `tick${flag}` });
    return { box, line: h('div.check', box, h('label', { for: `tick${flag}` }, meaning, ' (', h('code', flag), ')')) };
  });
  const from = h('input', {
    id: 'from',
    type: 'text',
    placeholder: 'where it stands',
    autocomplete: 'off',
    value: hint?.includes('--from earliest') ? 'earliest' : '',
  });
  return act({
    ask: {
      title: `Resume ${stage} of ${nameOf(one)}?`,
      body: [
        message === null ? null : h('p', message),
        lost === undefined ? null : h('p', `Offsets ${lost.from} to ${lost.to} are gone, or would be given up.`),
        ticks.map(({ line }) => line),
        h('label', { for: 'from' }, 'From: earliest, or an offset of the log that this stage reads'),
        from,
      ],
      confirm: 'Resume it',
      isDangerous: offered.length > 0,
      isReady: () => ticks.every(({ box }) => box.checked) && /^(|earliest|\d{1,18})$/.test(from.value.trim()),
      unready: 'Tick what has to be accepted; “from” is empty, earliest or an offset.',
    },
    work: () =>
      change('/api/partitions/resume', {
        topic: one.topic,
        partition: one.partition,
        stage,
        ...(from.value.trim() === '' ? {} : { from: from.value.trim() }),
        ...Object.fromEntries(offered.map(([name]) => [name, true])),
      }),
    done: () => `${stage} of ${nameOf(one)} goes on.`,
  }).finally(reload);
}

function buttons(one, reload) {
  return h(
    'div.actions',
    ['mirror', 'apply'].flatMap((stage) => {
      const state = one[stage]?.state;
      if (state === undefined) return [];
      return state === 'stopped' || state === 'paused'
        ? [button(`Resume ${stage}`, () => resume(one, stage, reload), { label: `Resume ${stage} of ${nameOf(one)}` })]
        : [button(`Pause ${stage}`, () => pause(one, stage, reload), { label: `Pause ${stage} of ${nameOf(one)}` })];
    }),
  );
}

function standing(one, nowMs, reload) {
  return h(
    'li.card',
    { 'data-key': nameOf(one) },
    h('div.heading', h('h3', nameOf(one)), buttons(one, reload)),
    ['mirror', 'apply'].map((stage) => {
      const status = one[stage];
      if (status === null || status.state === 'running') return null;
      return h(
        'div.why',
        h('p', badge(status.state, `${stage} ${status.state}`), ' ', status.since === null ? null : when(status.since, nowMs)),
        status.message === null ? null : h('p', status.code === null ? null : h('strong', `${words(status.code)}: `), status.message),
        status.hint === null ? null : command(status.hint),
        status.lost === undefined ? null : h('p.quiet', `Offsets ${status.lost.from} to ${status.lost.to} are concerned.`),
      );
    }),
  );
}

export const partitions = {
  title: 'Partitions',
  everyMs: 2_000,
  load: async () => ({ status: await read('/api/status'), log: (await read('/api/partitions/log?limit=20')).actions }),
  render({ data, error, local, nowMs, redraw, reload }) {
    if (data === undefined) return [heading('Partitions'), error === undefined ? h('p.empty', 'Asking the daemon…') : problem(error)];
    const all = data.status.partitions;
    const wanted = (local.filter ?? '').toLowerCase();
    const found = all.filter((one) => nameOf(one).toLowerCase().includes(wanted));
    const odd = all.filter(isOdd);
    const search = h('input', {
      id: 'filter',
      type: 'search',
      value: local.filter ?? '',
      oninput: ({ target }) => {
        local.filter = target.value;
        redraw();
      },
    });
    return [
      heading('Partitions', h('p.quiet', `${plural(all.length, 'partition')}, ${odd.length} not running`)),
      error === undefined ? null : problem(error),
      odd.length === 0
        ? null
        : section(
            'Not running',
            h('p.quiet', runbookLink('partition-stopped.md#a-partition-stopped')),
            h(
              'ul.standing',
              odd.slice(0, SHOWN).map((one) => standing(one, nowMs, reload)),
            ),
          ),
      section(
        'All partitions',
        h('div.filters', h('div', h('label', { for: 'filter' }, 'Topic'), search)),
        table({
          caption: 'Partitions with their states and lag',
          columns: [
            { name: 'Partition' },
            { name: 'Mirror' },
            { name: 'Apply' },
            { name: 'Mirror lag', isFigure: true },
            { name: 'Apply lag', isFigure: true },
            { name: 'End to end', isFigure: true },
            { name: 'Next at home', isFigure: true },
            { name: 'Actions' },
          ],
          rows: found.slice(0, SHOWN).map((one) => ({
            key: nameOf(one),
            cells: [
              nameOf(one),
              stageCell(one.mirror),
              stageCell(one.apply),
              lagCell(one.lag.mirror),
              lagCell(one.lag.apply),
              lagCell(one.lag.total),
              figure(one.mirror?.next, count),
              buttons(one, reload),
            ],
          })),
          empty:
            data.status.role === 'standby' ? 'This daemon stands by: the active one shows the partitions.' : 'No partition is mirrored.',
        }),
        found.length > SHOWN ? h('p.quiet', `${found.length - SHOWN} more: name a topic to see them.`) : null,
      ),
      section(
        'Who did what',
        table({
          caption: 'Pauses, resumes and what was given up',
          columns: [{ name: 'When' }, { name: 'Who' }, { name: 'What' }, { name: 'Partition' }, { name: 'Given up' }],
          rows: data.log.map((one, index) => ({
            key: `${one.at}-${index}`,
            cells: [
              when(one.at, nowMs),
              one.by,
              `${words(one.action)} ${one.stage}`,
              nameOf(one),
              one.lost === null ? '' : `${one.lost.from} to ${one.lost.to}`,
            ],
          })),
          empty: 'Nobody has paused or resumed anything.',
        }),
      ),
    ];
  },
};

// Records that could not be applied, and those that wait for another row: why, what is in them, try again or give up.
import { act } from '../act.js';
import { change, readSecret } from '../api.js';
import { h } from '../dom.js';
import { count, plural, when, words } from '../format.js';
import { badge, button, facts, heading, problem, runbookLink, section, table } from '../parts.js';

const AT_ONCE = 100;

const load = async ({ local }) => {
  const list = async (parked) => (await readSecret(`/api/rejected?parked=${parked}&limit=${AT_ONCE}&after=${local.after ?? 0}`)).rejected;
  // One after the other: the token is asked for once.
  const rejectedRecords = await list(false);
  return {
    rejected: rejectedRecords,
    parked: await list(true),
    shown: local.shown === undefined ? undefined : await readSecret(`/api/rejected/${local.shown}`).catch(() => undefined),
  };
};

function retry(body, what, reload) {
  return act({
    work: () => change('/api/rejected/retry', body),
    done: ({ applied, superseded, rejected: again }) =>
      `${what}: ${applied} applied, ${superseded} already newer in the region, ${again} refused again.`,
  }).then(reload);
}

function discard(body, what, reload) {
  return act({
    ask: {
      title: `Give up ${what}?`,
      body: h('p', 'What was in them is not applied and is not kept any more. This cannot be undone; it is recorded with your name.'),
      confirm: 'Give up',
      isDangerous: true,
    },
    work: () => change('/api/rejected/discard', body),
    done: ({ discarded }) => `${plural(discarded, 'record')} given up.`,
  }).then(reload);
}

/** Bytes as text where they are text. */
function bytes(base64) {
  if (base64 === null) return h('span.quiet', 'none');
  const raw = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const shown = Array.from(raw.subarray(0, 600), (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·')).join('');
  return [h('pre', shown), h('p.quiet', `${plural(raw.length, 'byte')}${raw.length > 600 ? ', the first 600 shown' : ''}`)];
}

const detail = (record) =>
  section(
    `Record ${record.id}`,
    facts([
      ['Place', `${record.topic}:${record.partition} offset ${record.offset}`],
      ['Written', new Date(record.timestampMs).toISOString()],
      ['Home epoch, generation', `${record.homeEpoch}, ${record.generation}`],
      ['SQLSTATE', record.sqlState ?? 'none'],
      ['Headers', count(record.headerCount)],
    ]),
    h('p', record.message),
    h('div.sides', h('div', h('h3', 'Key'), bytes(record.key)), h('div', h('h3', 'Value'), bytes(record.value))),
  );

function list(title, records, { local, nowMs, redraw, reload }, empty) {
  const chosen = local.chosen;
  const columns = [
    { name: 'Record' },
    { name: 'Table' },
    { name: 'Why' },
    { name: 'Tries', isFigure: true },
    { name: 'Last seen' },
    { name: 'Actions' },
  ];
  const mine = records.filter(({ id }) => chosen.has(id));
  const tick = (id, isOn) => {
    if (isOn) chosen.add(id);
    else chosen.delete(id);
    redraw();
  };
  const ids = mine.map(({ id }) => id);
  const what = plural(ids.length, 'record');
  return section(
    title,
    records.length === 0
      ? null
      : h(
          'div.actions',
          button(`Choose all ${records.length}`, () => {
            for (const { id } of records) chosen.add(id);
            for (const box of document.querySelectorAll(`input[name="${title}"]`)) box.checked = true;
            redraw();
          }),
          button(`Retry ${what}`, () => retry({ ids }, `Tried ${what} again`, reload), { isOff: ids.length === 0, isPrimary: true }),
          button(`Discard ${what}`, () => discard({ ids }, what, reload), { isOff: ids.length === 0, isDangerous: true }),
        ),
    table({
      caption: title,
      columns,
      rows: records.map((record) => ({
        key: record.id,
        cells: [
          h(
            'label.check',
            h('input', {
              type: 'checkbox',
              name: title,
              checked: chosen.has(record.id),
              onchange: ({ target }) => tick(record.id, target.checked),
            }),
            h('span', `${record.topic}:${record.partition} @ ${record.offset}`),
          ),
          record.table,
          h(
            'div.why',
            h(
              'p',
              badge(record.waitsFor === null ? 'stopped' : 'parked', words(record.reason)),
              record.waitsFor === null ? null : ` waits for ${record.waitsFor}`,
            ),
            h('p', record.message),
          ),
          count(record.attempts),
          when(record.lastSeen, nowMs),
          button(
            local.shown === record.id ? 'Hide' : 'Show',
            () => {
              local.shown = local.shown === record.id ? undefined : record.id;
              return reload();
            },
            { label: `Show what is in record ${record.id}` },
          ),
        ],
      })),
      empty,
    }),
  );
}

export const rejected = {
  title: 'Rejected and parked records',
  load,
  render(at) {
    const { data, error, local, reload, live } = at;
    local.chosen ??= new Set();
    const kept = live.status?.rejected;
    const known =
      kept === undefined || kept === null
        ? h('span.unknown', 'how many are kept is not known')
        : `${count(kept.reduce((sum, one) => sum + one.records, 0))} rejected, ${count(kept.reduce((sum, one) => sum + one.parked, 0))} parked`;
    const top = heading(
      'Rejected and parked records',
      h('p.quiet', known, ' · ', runbookLink('rejected-records.md#records-were-rejected')),
    );
    if (data === undefined)
      return [
        top,
        error === undefined
          ? h('p.empty', 'What is in records needs the token…')
          : [problem(error), h('div.actions', button('Ask again', reload))],
      ];
    return [
      top,
      error === undefined ? null : problem(error),
      data.shown === undefined ? null : detail(data.shown),
      list('Rejected', data.rejected, at, 'No record is rejected.'),
      list('Parked', data.parked, at, 'No record waits for another row.'),
      h('div.actions', button('Read again', reload)),
    ];
  },
};

// Which rows differ from the primary, how much was compared, and what can be done about each.
import { act } from '../act.js';
import { change, read, readSecret } from '../api.js';
import { openDialog } from '../dialog.js';
import { h } from '../dom.js';
import { count, figure, percent, plural, seconds, when, words } from '../format.js';
import { badge, button, heading, problem, runbookLink, section, table } from '../parts.js';

const triage = (verb, ids, reload) =>
  act({
    work: () => change(`/api/audit/${verb}`, { ids }),
    done: ({ findings }) => `${plural(findings, 'finding')} ${verb === 'ignore' ? 'ignored' : 'resolved'}.`,
  }).then(reload);

const outcome = ({ finding, table: name, key, result, write, reason }) =>
  h(
    'li',
    { 'data-key': finding },
    badge(result),
    ' ',
    `${name} ${key.join(', ')}`,
    write === null ? null : ` · ${write}`,
    reason === null ? null : ` · ${reason}`,
  );

/** Never without having seen what would be written. */
async function repair(ids, reload) {
  const dry = await act({
    work: () => change('/api/audit/repair', { ids, dryRun: true }),
    done: ({ repairs }) =>
      `Dry run: ${plural(repairs.filter(({ result }) => result === 'would_repair').length, 'row')} would be written. Nothing was changed.`,
  });
  const wouldWrite = dry?.repairs.filter(({ result }) => result === 'would_repair') ?? [];
  if (dry === undefined) return;
  const go = await openDialog({
    title: wouldWrite.length === 0 ? 'Nothing would be written' : `Write ${plural(wouldWrite.length, 'row')} as the primary has them?`,
    body: [
      h('ul.plain', dry.repairs.map(outcome)),
      h('p.quiet', 'A row that something newer came for meanwhile is left alone. Mend the cause first, else the next pass finds the same.'),
    ],
    confirm: wouldWrite.length === 0 ? 'Close' : 'Write them',
    isDangerous: wouldWrite.length > 0,
  });
  if (go && wouldWrite.length > 0) {
    await act({
      work: () => change('/api/audit/repair', { ids, dryRun: false }),
      done: ({ repairs }) =>
        `Repair: ${plural(repairs.filter(({ result }) => result === 'repaired').length, 'row')} of ${repairs.length} repaired.`,
    });
  }
  await reload();
}

const run = (name, reload) =>
  act({
    work: () => change('/api/audit/run', name === undefined ? {} : { table: name }),
    done: ({ tables: asked }) => `An audit of ${plural(asked.length, 'table')} was asked for.`,
  }).then(reload);

function tableRow(one, nowMs, reload) {
  const { missing, extra, changed } = one.divergent;
  const rows = missing + extra + changed;
  const unlisted = Math.max(one.lastPass?.rowsUnlisted ?? 0, one.openPass?.rowsUnlisted ?? 0);
  const compared = one.passAgeSeconds !== null || one.openPass !== null;
  return {
    key: one.table,
    cells: [
      one.table,
      one.refused.length > 0
        ? h(
            'div.why',
            badge('refused', 'cannot be compared'),
            one.refused.map(({ message, hint }) => h('p', message, hint === null ? null : h('span.quiet', ` · ${hint}`))),
          )
        : compared
          ? badge(
              rows > 0 ? 'broken' : unlisted > 0 ? 'attention' : 'fine',
              rows > 0
                ? `${plural(rows, 'row')} differ`
                : unlisted > 0
                  ? 'more than are listed'
                  : one.passAgeSeconds === null
                    ? 'none so far'
                    : 'none differs',
            )
          : h('span.unknown', 'not compared yet'),
      compared
        ? [
            `${count(missing)} / ${count(extra)} / ${count(changed)}`,
            unlisted > 0 ? h('p.why', `and some of ${plural(unlisted, 'row')} that are not listed: repair, then run again`) : null,
          ]
        : h('span.unknown', 'unknown'),
      `${count(one.suspects)} / ${count(one.unsettled)}`,
      compared
        ? h(
            'div.meter',
            h('progress', { max: '1', value: one.coverage, 'aria-label': `Coverage of ${one.table}` }),
            figure(one.coverage, percent),
          )
        : h('span.unknown', 'unknown'),
      one.passAgeSeconds === null ? h('span.unknown', 'never') : `${seconds(one.passAgeSeconds)} ago`,
      one.openPass === null
        ? ''
        : [
            one.openPass.stopped === null ? 'under way since ' : `stands (${words(one.openPass.stopped)}), began `,
            when(one.openPass.startedAt, nowMs),
          ],
      button('Run', () => run(one.table, reload), { label: `Run an audit of ${one.table}` }),
    ],
  };
}

function findingsSection({ data, local, nowMs, redraw, reload }) {
  const show = () => {
    local.wanted = true;
    return reload();
  };
  if (data.findings === undefined) {
    return section(
      'Findings',
      h('p', 'Findings name rows by their keys: they are read with the token.'),
      h('div.actions', button('Show findings', show, { isPrimary: true })),
    );
  }
  const ids = data.findings.filter(({ id }) => local.chosen.has(id)).map(({ id }) => id);
  const what = plural(ids.length, 'finding');
  const isOff = ids.length === 0;
  return section(
    'Findings',
    h('p.quiet', 'Missing: the region has no such row. Extra: the primary has none. Changed: they differ in the columns named.'),
    data.findings.length === 0
      ? null
      : h(
          'div.actions',
          button(`Choose all ${data.findings.length}`, () => {
            for (const { id } of data.findings) local.chosen.add(id);
            for (const box of document.querySelectorAll('input[name="finding"]')) box.checked = true;
            redraw();
          }),
          button(`Repair ${what}…`, () => repair(ids, reload), { isOff, isPrimary: true }),
          button(`Ignore ${what}`, () => triage('ignore', ids, reload), { isOff }),
          button(`Resolve ${what}`, () => triage('resolve', ids, reload), { isOff }),
        ),
    table({
      caption: 'Findings of the audit',
      columns: [
        { name: 'Row' },
        { name: 'Table' },
        { name: 'Difference' },
        { name: 'State' },
        { name: 'Cause' },
        { name: 'First seen' },
        { name: 'Last seen' },
      ],
      rows: data.findings.map((one) => ({
        key: one.id,
        cells: [
          h(
            'label.check',
            h('input', {
              type: 'checkbox',
              name: 'finding',
              checked: local.chosen.has(one.id),
              onchange: ({ target }) => {
                if (target.checked) local.chosen.add(one.id);
                else local.chosen.delete(one.id);
                redraw();
              },
            }),
            h('span', one.key.join(', ')),
          ),
          one.table,
          [one.kind, one.columns.length === 0 ? null : h('span.quiet', ` ${one.columns.join(', ')}`)],
          [
            badge(one.state),
            one.triage === 'new' ? null : [' ', badge('quiet', one.triage)],
            one.why === null ? null : h('p.quiet', one.why),
          ],
          one.cause === null ? h('span.unknown', 'unknown') : words(one.cause),
          when(one.firstSeen, nowMs),
          when(one.lastSeen, nowMs),
        ],
      })),
      empty: 'Nothing was found.',
    }),
  );
}

export const audit = {
  title: 'Audit',
  everyMs: 3_000,
  load: async ({ local }) => {
    const status = await read('/api/audit');
    return {
      status,
      findings:
        local.wanted === true
          ? (await readSecret('/api/audit/findings?limit=500')).findings.filter(({ state }) => state !== 'healed' && state !== 'repaired')
          : undefined,
    };
  },
  render(at) {
    const { data, error, local, nowMs, reload } = at;
    local.chosen ??= new Set();
    if (data === undefined) return [heading('Audit'), error === undefined ? h('p.empty', 'Asking the daemon…') : problem(error)];
    const { status } = data;
    if (!status.enabled)
      return [
        heading('Audit'),
        h(
          'div.banner.attention',
          h(
            'p',
            'Rows are not compared here: set ',
            h('code', 'primary.database'),
            ' and leave ',
            h('code', 'audit.enabled'),
            ' on. Whether rows differ is not known.',
          ),
        ),
      ];
    return [
      heading(
        'Audit',
        h(
          'div.actions',
          runbookLink('divergence.md#rows-diverge'),
          button('Run an audit of every table', () => run(undefined, reload)),
        ),
      ),
      error === undefined ? null : problem(error),
      status.known ? null : h('div.banner.attention', h('p', 'The database cannot be asked: the figures below say nothing.')),
      section(
        'Compared tables',
        h('p.quiet', `Now: ${status.activity}`),
        table({
          caption: 'Tables with divergence and coverage',
          columns: [
            { name: 'Table' },
            { name: 'Verdict' },
            { name: 'Missing / extra / changed', isFigure: true },
            { name: 'Suspect / unsettled', isFigure: true },
            { name: 'Coverage' },
            { name: 'Compared', isFigure: true },
            { name: 'Pass' },
            { name: 'Actions' },
          ],
          rows: status.tables.map((one) => tableRow(one, nowMs, reload)),
          empty: 'No table is compared.',
        }),
      ),
      findingsSection(at),
    ];
  },
};

// Pieces that several pages share.
import { h } from './dom.js';
import { words } from './format.js';

/** What a state looks like: always a word beside the colour. */
const looks = {
  running: 'fine',
  applying: 'fine',
  up: 'fine',
  fine: 'fine',
  done: 'fine',
  open: 'fine',
  repaired: 'fine',
  healed: 'fine',
  match: 'fine',
  applied: 'fine',
  waiting: 'busy',
  settling: 'busy',
  started: 'busy',
  would_repair: 'busy',
  info: 'quiet',
  paused: 'attention',
  attention: 'attention',
  warn: 'attention',
  shut: 'attention',
  suspect: 'attention',
  unsettled: 'attention',
  parked: 'attention',
  stopped: 'broken',
  down: 'broken',
  broken: 'broken',
  failed: 'broken',
  error: 'broken',
  confirmed: 'broken',
  mismatch: 'broken',
  refused: 'broken',
  unknown: 'unknown',
};

export const lookOf = (state) => looks[state] ?? 'quiet';
export const badge = (state, text = words(state)) => h('span.badge', { class: lookOf(state) }, text);

export const heading = (title, ...more) => h('div.heading', h('h1', { tabindex: '-1' }, title), more);

export const section = (title, ...body) => {
  const id = `s-${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
  return h('section.card', { 'aria-labelledby': id, 'data-key': id }, h('h2', { id }, title), body);
};

/** `rows` are `{ key, cells }`; a cell is text or a node, and is named by its column on a phone. The first is the row's header. */
export function table({ caption, columns, rows, empty }) {
  if (rows.length === 0) return h('p.empty', empty);
  const head = h(
    'tr',
    columns.map(({ name, isFigure }) => h('th', { scope: 'col', class: isFigure ? 'right' : null }, name)),
  );
  const body = rows.map(({ key, cells, mark }) =>
    h(
      'tr',
      { 'data-key': key, class: mark },
      cells.map((cell, index) =>
        h(
          index === 0 ? 'th' : 'td',
          { scope: index === 0 ? 'row' : null, class: columns[index].isFigure ? 'right' : null, 'data-column': columns[index].name },
          h('div', cell),
        ),
      ),
    ),
  );
  return h(
    'div.scroll',
    { tabindex: '0', role: 'region', 'aria-label': `Table: ${caption}` },
    h('table', h('caption.hidden', caption), h('thead', head), h('tbody', body)),
  );
}

export const facts = (pairs) =>
  h(
    'dl.facts',
    pairs.filter(Boolean).map(([name, value]) => h('div', h('dt', name), h('dd', value))),
  );

/** A command an operator can paste: one click copies it. */
export const command = (text) =>
  h(
    'span.command',
    h('code', text),
    h('button.quiet', { type: 'button', 'aria-label': `Copy: ${text}`, onclick: ({ currentTarget }) => copy(text, currentTarget) }, 'Copy'),
  );

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    // Only a page under https or at localhost may: the text can be selected.
    getSelection().selectAllChildren(button.previousSibling);
    button.textContent = 'Selected';
  }
}

export const button = (text, onclick, options = {}) =>
  h(
    options.isDangerous ? 'button.danger' : options.isPrimary ? 'button.primary' : 'button',
    { type: 'button', onclick, 'aria-label': options.label, disabled: options.isOff === true },
    text,
  );

/** `lag-grows.md#lag-is-high` inside this page. */
export const runbookLink = (runbook) => h('a', { href: `#/runbooks/${runbook}` }, 'Runbook');

export const problem = (error) =>
  h('div.banner.broken', { role: 'alert' }, h('p', error.message), error.hint ? h('p.quiet', error.hint) : null);

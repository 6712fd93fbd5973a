// What happened lately, the newest first, as it comes.
import { h } from '../dom.js';
import { clock } from '../format.js';
import { badge, heading, section } from '../parts.js';

const levels = { all: ['info', 'warn', 'error'], 'warnings and errors': ['warn', 'error'], errors: ['error'] };

const line = ({ id, level, message, firstAt, lastAt, times }) =>
  h(
    'li',
    { 'data-key': `e${id}` },
    h('time', { datetime: lastAt, title: lastAt }, clock(lastAt)),
    badge(level, level === 'warn' ? 'warning' : level),
    h('span.text', message),
    times > 1 ? h('span.quiet', `${times} times since ${clock(firstAt)}`) : h('span'),
  );

export const events = {
  title: 'Events',
  render({ live, local, redraw }) {
    const chosen = local.level ?? 'all';
    const wanted = (local.text ?? '').toLowerCase();
    const found = live.events
      .filter(({ level, message, type }) => levels[chosen].includes(level) && `${type} ${message}`.toLowerCase().includes(wanted))
      .reverse();
    const set =
      (name) =>
      ({ target }) => {
        local[name] = target.value;
        redraw();
      };
    return [
      heading('Events', h('p.quiet', `The last ${live.events.length} that this daemon told; its log has them all.`)),
      section(
        'Newest first',
        h(
          'div.filters',
          h(
            'div',
            h('label', { for: 'level' }, 'Show'),
            h(
              'select',
              { id: 'level', onchange: set('level') },
              Object.keys(levels).map((name) => h('option', { value: name }, name)),
            ),
          ),
          h('div', h('label', { for: 'text' }, 'With the words'), h('input', { id: 'text', type: 'search', oninput: set('text') })),
        ),
        found.length === 0
          ? h('p.empty', live.events.length === 0 ? 'Nothing has happened yet.' : 'No event is like that.')
          : h('ol.log', found.map(line)),
      ),
    ];
  },
};

// The runbooks of this very version, from the daemon itself: readable while everything else is down.
import { h } from '../dom.js';
import { markdown } from '../markdown.js';
import { heading, problem } from '../parts.js';

/** `lag-grows.md#lag-is-high`; nothing but a plain name of a page is asked for. */
function parse(rest) {
  const [, page = 'README.md', anchor = ''] = /^([A-Za-z-]+\.md)(?:#(.*))?$/.exec(rest) ?? [];
  return { page, anchor };
}

export const runbooks = {
  title: 'Runbooks',
  load: async ({ rest }) => {
    const answer = await fetch(`/runbooks/${parse(rest).page}`);
    if (!answer.ok) throw new Error('There is no such runbook.');
    return await answer.text();
  },
  render({ data, error, rest }) {
    const { page } = parse(rest);
    const back = page === 'README.md' ? null : h('p', h('a', { href: '#/runbooks' }, 'All runbooks'));
    if (data === undefined) return [heading('Runbooks', back), error === undefined ? h('p.empty', 'Asking the daemon…') : problem(error)];
    return [back, h('article.card.prose', { 'data-keep': `runbook-${rest}` }, markdown(data, page))];
  },
  after(root, { data, rest, local }) {
    if (data === undefined || local.wasShown === true) return;
    local.wasShown = true;
    const { anchor } = parse(rest);
    const target = anchor === '' ? null : root.querySelector(`[id="${CSS.escape(anchor)}"]`);
    (target ?? root.querySelector('h1'))?.focus();
    target?.scrollIntoView();
  },
};

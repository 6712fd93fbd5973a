// As much of Markdown as the runbooks use: headings, paragraphs, lists, tables, code, links, emphasis. Elements, never markup.
import { h } from './dom.js';

/** As GitHub makes anchors of headings. */
const slug = (text) =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');

/** Links between runbooks stay in this page; what lies outside of them is named and not linked. */
function link(text, target, page) {
  const [, name = '', anchor = ''] = /^([A-Za-z-]+\.md)?(?:#(.*))?$/.exec(target) ?? [null, null, null];
  if (name === null) return h('span', text, ' (', h('code', target), ')');
  return h('a', { href: `#/runbooks/${name === '' ? page : name}${anchor === '' ? '' : `#${anchor}`}` }, text);
}

function inline(text, page) {
  const parts = [];
  let rest = text;
  for (;;) {
    const found = /`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)|\*\*([^*]+)\*\*/.exec(rest);
    if (found === null) return [...parts, rest];
    const [whole, code, label, target, strong] = found;
    parts.push(rest.slice(0, found.index));
    if (code !== undefined) parts.push(h('code', code));
    else if (strong !== undefined) parts.push(h('strong', inline(strong, page)));
    else parts.push(link(inline(label, page), target, page));
    rest = rest.slice(found.index + whole.length);
  }
}

const cells = (line) =>
  line
    .trim()
    .replaceAll(/^\||\|$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));

export function markdown(text, page) {
  const lines = text.split('\n');
  const blocks = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at];
    const take = (test) => {
      const taken = [];
      while (at < lines.length && test(lines[at])) taken.push(lines[at++]);
      return taken;
    };
    const [, hashes, title] = /^(#{1,3}) (.*)$/.exec(line) ?? [];
    if (title !== undefined) {
      blocks.push(h(`h${hashes.length}`, { id: slug(title), tabindex: '-1' }, inline(title, page)));
      at++;
    } else if (line.trim().startsWith('```')) {
      at++;
      blocks.push(h('pre', { tabindex: '0' }, h('code', take((one) => !one.trim().startsWith('```')).join('\n'))));
      at++;
    } else if (line.startsWith('|')) {
      const [head, , ...rows] = take((one) => one.startsWith('|')).map(cells);
      blocks.push(
        h(
          'div.scroll',
          { tabindex: '0', role: 'region', 'aria-label': head.join(', ') },
          h(
            'table',
            h(
              'thead',
              h(
                'tr',
                head.map((cell) => h('th', { scope: 'col' }, inline(cell, page))),
              ),
            ),
            h(
              'tbody',
              rows.map((row) =>
                h(
                  'tr',
                  row.map((cell, index) => h('td', { 'data-column': head[index] }, h('div', inline(cell, page)))),
                ),
              ),
            ),
          ),
        ),
      );
    } else if (/^(?:[-*]|\d+\.) /.test(line)) {
      const items = [];
      for (const one of take((next) => /^(?:[-*]|\d+\.) /.test(next) || /^\s+\S/.test(next))) {
        if (/^(?:[-*]|\d+\.) /.test(one)) items.push(one.replace(/^(?:[-*]|\d+\.) /, ''));
        else items[items.length - 1] += ` ${one.trim()}`;
      }
      blocks.push(
        h(
          /^\d/.test(line) ? 'ol' : 'ul',
          items.map((item) => h('li', inline(item, page))),
        ),
      );
    } else if (line.trim() === '') at++;
    else blocks.push(h('p', inline(take((one) => one.trim() !== '' && !/^(?:#{1,3} |\||```|[-*] |\d+\. )/.test(one)).join(' '), page)));
  }
  return blocks;
}

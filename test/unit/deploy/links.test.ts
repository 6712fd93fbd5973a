import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../rig/paths.ts';
import { anchorsOf, filesBelow } from './documents.ts';

/** Links of a page that lead nowhere: to a file that is not there, or to a heading that its page does not have. */
function brokenLinks(path: string, text: string): readonly string[] {
  const links = [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => {
    const [page = '', anchor] = link.split('#');
    const file = page === '' ? join(repositoryRoot, path) : join(repositoryRoot, dirname(path), page);
    if (!existsSync(file)) return true;
    return anchor !== undefined && !anchorsOf(page === '' ? text : readFileSync(file, 'utf8')).has(anchor);
  });
}

describe('links between pages', () => {
  const pages = [
    ...filesBelow('docs', ['.md']),
    ...['README.md', 'ARCHITECTURE.md'].map((path) => ({ path, text: readFileSync(join(repositoryRoot, path), 'utf8') })),
  ];

  it.each(pages.map(({ path, text }) => [path, text] as const))('%s leads to what is there', (path, text) => {
    expect(brokenLinks(path, text)).toEqual([]);
  });

  it.each(pages.map(({ path, text }) => [path, text] as const))('%s names files of the repository that are there', (_path, text) => {
    const named = [...text.matchAll(/`((?:test|deploy|scripts|src)\/[\w./@-]+)`/g)].map(([, file = '']) => file);
    expect(named.filter((file) => !existsSync(join(repositoryRoot, file)))).toEqual([]);
  });

  it('that lead nowhere are told', () => {
    expect(
      brokenLinks('docs/x.md', '[a](limits.md) [b](nowhere.md) [c](runbooks/lag-grows.md#lag-is-high) [d](runbooks/lag-grows.md#none)'),
    ).toEqual(['nowhere.md', 'runbooks/lag-grows.md#none']);
  });
});

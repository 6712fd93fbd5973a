import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../rig/paths.ts';

/** Every file below a folder of the repository whose name ends so, by its path in the repository. */
export function filesBelow(folder: string, endings: readonly string[]): readonly { readonly path: string; readonly text: string }[] {
  return readdirSync(join(repositoryRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return { path: file.slice(repositoryRoot.length + 1), text: readFileSync(file, 'utf8') };
    });
}

/** The anchors of a Markdown page's headings, as GitHub and GitLab make them. */
export const anchorsOf = (markdown: string): ReadonlySet<string> =>
  new Set(
    [...markdown.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );

/** Names of Farshore's instruments in a text. One with a `:` is a recorded series; `farshore_version` and such are columns. */
export const metricsIn = (text: string): readonly string[] =>
  [...text.matchAll(/(?<![\w:/.$-])farshore_[a-z0-9_]+(?![\w:])/g)].map(([name]) => name);

/** The command lines of a page: `farshore …` in code spans, or a line of a fenced block that begins so. */
export const commandsIn = (markdown: string): readonly string[] =>
  [...markdown.matchAll(/`(farshore [^`\n]+)`|^ *(farshore [^\n]+)$/gm)].map(([, span, line]) => (span ?? line ?? '').trim());

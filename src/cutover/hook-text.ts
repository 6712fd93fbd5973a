import type { Hook } from './hooks.ts';

/** What a hook is shown and recorded as. Its arguments, and what follows the origin of an address, are where secrets of such services stand. */
export const hookText = (hook: Hook): string => (hook.kind === 'command' ? programOf(hook.command[0] ?? '') : postTo(hook.url));

/** As it was recorded before: by all its words, or by its address up to the `?`. */
export const formerText = (hook: Hook): string =>
  hook.kind === 'command' ? hook.command.join(' ') : `POST ${hook.url.replace(/[?#].*$/, '')}`;

/** A recorded text as it may be shown: an older version may have recorded it whole. */
export function shownText(recorded: string): string {
  const { said = '', number = '' } = /^(?<said>.*?)(?<number> \(\d+\))?$/s.exec(recorded)?.groups ?? {};
  const url = said.startsWith('POST ') ? said.slice('POST '.length) : '';
  return `${URL.canParse(url) ? postTo(url) : programOf(said.split(/\s/, 1)[0]!)}${number}`;
}

const postTo = (url: string): string => `POST ${new URL(url).origin}`;

/** Without its folder, nor anything behind a blank. */
const programOf = (program: string): string => program.split('/').at(-1)!.split(/\s/, 1)[0]!;

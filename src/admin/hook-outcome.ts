import type { CutoverLogEntry } from '../model/cutover.ts';

/** How a hook ended, which stands before what it said. */
const outcome = /^(?:exit code \d+|status \d+|ended after [\d.]+ s|SIG[A-Z\d]+|it could not be started)(?=:|$)/;

/** What a hook said may hold anything: without the token only how it ended is told. */
export const withoutOutput = (entry: CutoverLogEntry): CutoverLogEntry => ({
  ...entry,
  hooks: entry.hooks.map((hook) => ({ ...hook, detail: hook.detail === null ? null : (outcome.exec(hook.detail)?.[0] ?? null) })),
});

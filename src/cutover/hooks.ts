import type { CutoverState } from '../model/cutover.ts';
import { formerText, hookText } from './hook-text.ts';

export type Hook = { readonly on: CutoverState; readonly timeoutMs: number } & (
  | { readonly kind: 'command'; readonly command: readonly string[] }
  | { readonly kind: 'http'; readonly url: string }
);

/** What a hook is told: in its environment, or as the JSON that is posted. */
export interface HookFacts {
  readonly region: string;
  readonly primary: string;
  readonly revision: string;
  readonly from: CutoverState;
  readonly to: CutoverState;
  readonly epoch: string;
  readonly open: string;
  readonly by: string;
  readonly reason: string;
  readonly at: string;
}

export interface HookRun {
  readonly result: 'done' | 'failed';
  /** Exit code or status, and the end of what it said. */
  readonly detail: string;
}

export interface HookRunner {
  /** Answers within the hook's time limit; rejects only when the signal ends it. */
  run(hook: NumberedHook, facts: HookFacts, signal: AbortSignal): Promise<HookRun>;
}

/** The newest change of state, and the hooks of it whose end is recorded. */
export interface DueHooks {
  readonly facts: HookFacts;
  readonly ended: readonly string[];
}

export interface HookStore {
  /** Undefined before the first change of state. */
  newest(signal: AbortSignal): Promise<DueHooks | undefined>;
  started(revision: string, hook: string, signal: AbortSignal): Promise<void>;
  ended(revision: string, hook: string, run: HookRun, signal: AbortSignal): Promise<void>;
}

/** A hook under the text that it is shown and recorded as. */
export type NumberedHook = Hook & {
  readonly text: string;
  /** Among those of its state that would have the same text. */
  readonly nth: number;
};

export const hookEnvironment = (facts: HookFacts): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(facts).map(([name, value]) => [`FARSHORE_${name.toUpperCase()}`, String(value)]));

/** The end of each is recorded under its text: two that differ only in what is not shown would be one, and the second would never run. */
export const numbered = (hooks: readonly Hook[]): readonly NumberedHook[] => numberedBy(hookText, hooks);

function numberedBy(textOf: (hook: Hook) => string, hooks: readonly Hook[]): readonly NumberedHook[] {
  const taken = new Set<string>();
  return hooks.map((hook) => {
    const plain = textOf(hook);
    let text = plain;
    let nth = 1;
    while (taken.has(`${hook.on} ${text}`)) text = `${plain} (${++nth})`;
    taken.add(`${hook.on} ${text}`);
    return { ...hook, text, nth };
  });
}

/** The next hook to run. Of a state that was left again nothing is run any more, nor what was recorded under the text that it had before. */
export function nextHook(hooks: readonly Hook[], due: DueHooks | undefined): NumberedHook | undefined {
  if (due === undefined) return undefined;
  const ofState = hooks.filter(({ on }) => on === due.facts.to);
  const named = numbered(ofState);
  const texts = new Set(named.map(({ text }) => text));
  const before = numberedBy(formerText, ofState).map(({ text }) => text);
  // A former text that is another's text now tells nothing: that one may have ended.
  const ended = (text: string, former: string): boolean => due.ended.includes(text) || (!texts.has(former) && due.ended.includes(former));
  return named.find(({ text }, index) => !ended(text, before[index]!));
}

const KEPT_CHARACTERS = 2_000;

/** The end of what was said: an error is there. */
export const boundedOutput = (output: string): string => {
  const trimmed = output.trim();
  return trimmed.length <= KEPT_CHARACTERS ? trimmed : `… ${trimmed.slice(-KEPT_CHARACTERS)}`;
};

import type { Clock } from '../model/clock.ts';
import type { Observe } from '../model/events.ts';
import { Standing } from '../model/standing.ts';
import { type Hook, type HookRunner, type HookStore, nextHook } from './hooks.ts';

const LOOK_MS = 5_000;

export interface HookParts {
  readonly hooks: readonly Hook[];
  readonly store: HookStore;
  readonly runner: HookRunner;
  readonly observe: Observe;
  readonly clock: Clock;
}

/**
 * Runs the hooks of the newest change of state, apart from the loop that reads the gates: a hook that takes its time
 * must leave no gap there. Each is run at least once, also when the daemon dies between running it and recording that.
 */
export async function runHooks(parts: HookParts, signal: AbortSignal): Promise<void> {
  if (parts.hooks.length === 0) return;
  const standing = new Standing((told) => parts.observe({ type: 'cutover_stands', what: 'hooks', ...told }));
  for (;;) {
    try {
      while (await runNext(parts, signal));
      standing.over();
    } catch (error) {
      // The hook is still due once that is mended.
      standing.at(error, signal);
    }
    await parts.clock.sleep(LOOK_MS, signal);
  }
}

/** Answers whether there was one. Whether it is still due is asked before each. */
export async function runNext({ hooks, store, runner, observe, clock }: HookParts, signal: AbortSignal): Promise<boolean> {
  const due = await store.newest(signal);
  const hook = nextHook(hooks, due);
  if (due === undefined || hook === undefined) return false;
  const { text } = hook;
  await store.started(due.facts.revision, text, signal);
  const startedMs = clock.monotonicMs();
  const run = await runner.run(hook, due.facts, signal);
  await store.ended(due.facts.revision, text, run, signal);
  observe({ type: 'cutover_hook_ran', on: hook.on, hook: text, ...run, seconds: (clock.monotonicMs() - startedMs) / 1_000 });
  return true;
}

import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';

const FIRST_MS = 200;
const MOST_MS = 10_000;

/** Repeats `work` while its failure says retry, with a doubling pause; any other failure is thrown. */
export async function patiently<T>(
  work: () => Promise<T>,
  onFailure: (error: unknown) => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (findFarshoreError(error)?.action !== 'retry') throw error;
      onFailure(error);
      await clock.sleep(Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 10)), signal);
    }
  }
}

/** What stands in the way, with the next step where one is known. */
export function reasonWithHint(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const hint = findFarshoreError(error)?.hint;
  return hint === undefined ? message : `${message} · ${hint}`;
}

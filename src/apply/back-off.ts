import type { Clock } from '../model/clock.ts';
import { type FarshoreError, findFarshoreError } from '../model/errors.ts';

const FIRST_MS = 100;
const MOST_MS = 10_000;

/** Delay before the attempt after `failures` failed ones: doubling, at most ten seconds, half of it by chance. */
export function backOffMs(failures: number, random: () => number): number {
  const full = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures, 16));
  return Math.round(full / 2 + (full / 2) * random());
}

export interface BackOff {
  readonly clock: Clock;
  readonly random: () => number;
  readonly retried: (error: FarshoreError, delayMs: number) => void;
}

/** Does `work` until it succeeds or fails for a reason that time does not mend. Rejects with the signal's reason when stopped while waiting. */
export async function untilDone<T>(work: () => Promise<T>, { clock, random, retried }: BackOff, stop: AbortSignal): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (error) {
      stop.throwIfAborted();
      const known = findFarshoreError(error);
      if (known === undefined || known.action !== 'retry') throw error;
      const delayMs = backOffMs(failures, random);
      retried(known, delayMs);
      await clock.sleep(delayMs, stop);
    }
  }
}

import { setTimeout as delay } from 'node:timers/promises';

/**
 * Time as a value that tests can hold. Wall time is for people and record timestamps; durations and
 * lag come from `monotonicMs`, which never steps back.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, may step. */
  wallMs(): number;
  /** Milliseconds since an arbitrary moment, never steps back. */
  monotonicMs(): number;
  /** Resolves after `ms`, or rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, { signal });
  },
};

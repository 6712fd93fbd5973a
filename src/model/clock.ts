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
  // Not the one of node:timers/promises: that makes an error, with its stack, of each sleep that is given up, and most limits of time are.
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      }, ms);
      const giveUp = (): void => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      signal.addEventListener('abort', giveUp, { once: true });
    }),
};

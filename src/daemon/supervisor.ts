import type { Clock } from '../model/clock.ts';

/** How long a graceful stop may take before work in hand is given up: systemd and Kubernetes are told 10 s. */
export const STOP_LIMIT_MS = 8_000;

export interface StopSignals {
  /** Finish what is in hand and end. */
  readonly stop: AbortSignal;
  /** Give up what is in hand. Whatever was not durable is done again after the restart. */
  readonly hard: AbortSignal;
}

/**
 * Runs loops beside each other until `stop`. The first loop that rejects stops the others, and its reason
 * is what this rejects with once all have ended. A loop that has not ended STOP_LIMIT_MS after the stop is given up.
 */
export async function superviseLoops(
  loops: readonly ((signals: StopSignals) => Promise<void>)[],
  signal: AbortSignal,
  clock: Clock,
): Promise<void> {
  const failed = new AbortController();
  const hard = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const ended = new AbortController();
  const limit = untilAborted(stop).then(async () => {
    await clock.sleep(STOP_LIMIT_MS, ended.signal).then(
      () => hard.abort(new Error(`a loop did not end within ${STOP_LIMIT_MS} ms of the stop`)),
      () => undefined,
    );
  });
  const results = await Promise.allSettled(
    loops.map(async (loop) => {
      try {
        await loop({ stop, hard: hard.signal });
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  ended.abort();
  failed.abort();
  await limit;
  const rejected = results.find((result) => result.status === 'rejected');
  // A loop that was waiting when the stop came may reject with the abort itself: that is not a failure.
  if (rejected !== undefined && !signal.aborted) throw rejected.reason;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

import type { Clock } from './clock.ts';

/** Why a sleep that nobody needs any more is given up. Made once: a signal that is aborted without a reason makes an error with a stack each time. */
export const OVER = new Error('It is not waited for any more');

/**
 * What `work` comes to, or `late()` when it has not settled after `limitMs`. The signal that `work` gets is aborted with the first of both, and
 * by `signal`, with whose reason this rejects then; what `work` comes to after that is nobody's. Without `AbortSignal.any`, which costs more
 * than the request that is waited for.
 */
export async function withinLimit<T>(
  work: (signal: AbortSignal) => Promise<T>,
  limitMs: number,
  late: () => T,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<T> {
  signal.throwIfAborted();
  const ended = new AbortController();
  const stop = (): void => ended.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  const working = work(ended.signal);
  const lateness = clock.sleep(limitMs, ended.signal).then(late);
  // Whichever comes second ends by the abort.
  working.catch(noop);
  lateness.catch(noop);
  try {
    const first = await Promise.race([working, lateness]);
    signal.throwIfAborted();
    return first;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    ended.abort(OVER);
  }
}

const noop = (): void => undefined;

import { describe, expect, it } from 'vitest';
import { STOP_LIMIT_MS, superviseLoops } from '../../../src/daemon/supervisor.ts';
import type { Clock } from '../../../src/model/clock.ts';

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** A clock whose only sleep ends when the test says so. */
function heldClock(): { clock: Clock; elapse: () => void; asked: number[] } {
  const asked: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => 0,
    sleep: async (ms, signal) => {
      asked.push(ms);
      await Promise.race([promise, aborted(signal).then(() => Promise.reject(signal.reason))]);
    },
  };
  return { clock, elapse: resolve, asked };
}

describe('loops beside each other', () => {
  it('end together when the stop comes, without a failure', async () => {
    const stop = new AbortController();
    const ended: string[] = [];
    const loop = (name: string) => async (signals: { stop: AbortSignal }) => {
      await aborted(signals.stop);
      ended.push(name);
    };
    const all = superviseLoops([loop('mirror'), loop('apply')], stop.signal, heldClock().clock);
    stop.abort();
    await all;
    expect(ended.toSorted()).toEqual(['apply', 'mirror']);
  });

  it('stop when one fails, and tell its reason', async () => {
    let stopped = false;
    const waits = async (signals: { stop: AbortSignal }): Promise<void> => {
      await aborted(signals.stop);
      stopped = true;
    };
    const fails = async (): Promise<void> => {
      throw new Error('fenced');
    };
    await expect(superviseLoops([waits, fails], new AbortController().signal, heldClock().clock)).rejects.toThrow('fenced');
    expect(stopped).toBe(true);
  });

  it('are given up when they do not end within the limit', async () => {
    const stop = new AbortController();
    const { clock, elapse, asked } = heldClock();
    const hangs = async (signals: { hard: AbortSignal }): Promise<void> => {
      await aborted(signals.hard);
    };
    const all = superviseLoops([hangs], stop.signal, clock);
    stop.abort();
    elapse();
    await all;
    expect(asked).toEqual([STOP_LIMIT_MS]);
  });
});

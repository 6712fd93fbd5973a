import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/model/clock.ts';
import { withinLimit } from '../../../src/model/time-limit.ts';

const never = new AbortController().signal;
const failing = (): never => {
  throw new Error('too late');
};
/** Work that ends by its signal alone. */
const untilEnded = (seen: { reason?: unknown }) => (signal: AbortSignal) =>
  new Promise<string>((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      seen.reason = signal.reason;
      reject(signal.reason);
    });
  });

describe('a sleep of the system’s clock', () => {
  it('ends after its time, and with the signal’s own reason when that comes first', async () => {
    await systemClock.sleep(1, never);
    const stop = new AbortController();
    const asleep = systemClock.sleep(60_000, stop.signal);
    const reason = new Error('stop');
    stop.abort(reason);
    await expect(asleep).rejects.toBe(reason);
    await expect(systemClock.sleep(1, stop.signal)).rejects.toBe(reason);
  });
});

describe('work within a limit of time', () => {
  it('answers what the work comes to, and then ends what the work left behind', async () => {
    let given: AbortSignal | undefined;
    const work = async (signal: AbortSignal): Promise<string> => {
      given = signal;
      return 'done';
    };
    expect(await withinLimit(work, 60_000, failing, systemClock, never)).toBe('done');
    expect(given?.aborted).toBe(true);
    await expect(withinLimit(() => Promise.reject(new Error('broken')), 60_000, failing, systemClock, never)).rejects.toThrow('broken');
  });

  it('is late after the limit, whatever the work does then', async () => {
    const seen: { reason?: unknown } = {};
    expect(await withinLimit(untilEnded(seen), 5, () => 'late', systemClock, never)).toBe('late');
    expect(seen.reason).toBeInstanceOf(Error);
    await expect(withinLimit(untilEnded({}), 5, failing, systemClock, never)).rejects.toThrow('too late');
  });

  it('ends with the reason of who gave it up, and so does the work', async () => {
    const stop = new AbortController();
    const reason = new Error('stop');
    const seen: { reason?: unknown } = {};
    const working = withinLimit(untilEnded(seen), 60_000, failing, systemClock, stop.signal);
    stop.abort(reason);
    await expect(working).rejects.toBe(reason);
    expect(seen.reason).toBe(reason);
    let begun = false;
    const beginning = async (): Promise<string> => {
      begun = true;
      return '';
    };
    await expect(withinLimit(beginning, 1, failing, systemClock, stop.signal)).rejects.toBe(reason);
    expect(begun).toBe(false);
  });
});

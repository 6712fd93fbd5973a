import type { Clock } from '../../../src/model/clock.ts';

/** A clock that stands still until the test moves it; sleepers wake when their time comes. */
export class TestClock implements Clock {
  #nowMs = 1_000;
  #wallOffsetMs = 1_700_000_000_000;
  #sleepers: { readonly dueMs: number; readonly wake: () => void }[] = [];
  readonly asked: number[] = [];

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  /** Steps the wall clock only, as a correction by NTP does. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.asked.push(ms);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    this.#sleepers.push({ dueMs: this.#nowMs + ms, wake: resolve });
    await promise;
  }

  /** Moves time and lets everything that became due run until nothing more happens at once. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const next = this.#sleepers.filter(({ dueMs }) => dueMs <= untilMs).toSorted((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      next.wake();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  /** Moves time without waking anybody: for code that has no timers. */
  pass(ms: number): void {
    this.#nowMs += ms;
  }
}

/** Promise callbacks queue further ones; a turn of the event loop runs them all. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

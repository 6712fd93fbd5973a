import type { Clock } from '../model/clock.ts';
import type { ActiveView } from '../model/cutover.ts';
import { activeView, type LastRead } from './active.ts';
import type { CutoverStore } from './contracts.ts';

const READ_LIMIT_MS = 2_000;

/** Reads the stored state when somebody asks, on any daemon; those who ask at once share one read. */
export class ActiveReader {
  readonly #region: string;
  readonly #graceMs: number;
  readonly #store: Pick<CutoverStore, 'load'>;
  readonly #clock: Clock;
  #last: LastRead | undefined;
  #reading: Promise<void> | undefined;

  constructor(region: string, graceMs: number, store: Pick<CutoverStore, 'load'>, clock: Clock) {
    this.#region = region;
    this.#graceMs = graceMs;
    this.#store = store;
    this.#clock = clock;
  }

  async ask(): Promise<ActiveView> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
    return activeView(this.#region, this.#last, this.#clock.monotonicMs(), this.#graceMs);
  }

  /** A read that fails, or takes too long, leaves the last answer to grow old: that is what the answer then says. */
  async #read(): Promise<void> {
    const atMs = this.#clock.monotonicMs();
    const ended = new AbortController();
    const read = this.#store.load(ended.signal).then((cutover) => {
      this.#last = { cutover, atMs };
    });
    const late = this.#clock.sleep(READ_LIMIT_MS, ended.signal);
    await Promise.race([read, late]).catch(() => undefined);
    ended.abort(new Error('the answer was late'));
    await Promise.allSettled([read, late]);
  }
}

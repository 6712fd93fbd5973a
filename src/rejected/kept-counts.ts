import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { KeptCount } from '../model/rejected.ts';
import { Standing } from '../model/standing.ts';
import type { RejectedStore } from './contracts.ts';

const LOOK_MS = 10_000;

/** How many records are kept now, by table. Counted on a timer: a scrape must not wait for the database. */
export class KeptCounts {
  readonly #store: Pick<RejectedStore, 'counts'>;
  readonly #clock: Clock;
  readonly #standing: Standing;
  #current: readonly KeptCount[] | undefined;
  #atMs: number | undefined;

  constructor(store: Pick<RejectedStore, 'counts'>, clock: Clock, observe: Observe) {
    this.#store = store;
    this.#clock = clock;
    this.#standing = new Standing((told) => observe({ type: 'figure_unknown', what: 'kept_records', ...told }));
  }

  /** Undefined: not known now. */
  get current(): readonly KeptCount[] | undefined {
    return this.#current;
  }

  /** Monotonic milliseconds before they were counted; undefined while they are not known. */
  get atMs(): number | undefined {
    return this.#current === undefined ? undefined : this.#atMs;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        const atMs = this.#clock.monotonicMs();
        this.#current = await this.#store.counts(signal);
        this.#atMs = atMs;
        this.#standing.over();
      } catch (error) {
        if (signal.aborted) throw error;
        // An old count would look like a new one.
        this.#current = undefined;
        // That the database is away is told by others.
        if (findFarshoreError(error)?.action !== 'retry') this.#standing.at(error, signal);
      }
      await this.#clock.sleep(LOOK_MS, signal);
    }
  }
}

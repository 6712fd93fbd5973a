import type { Clock } from '../model/clock.ts';
import { type FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import { Wakeup } from '../model/wakeup.ts';
import type { OutboxBacklog, OutboxStore, OutboxWakeups } from './contracts.ts';
import type { OutboxRelay } from './relay.ts';

export interface OutboxLoopParts {
  /** Made anew after a failure whose outcome is not known. */
  readonly relay: Pick<OutboxRelay, 'turn'>;
  readonly store: Pick<OutboxStore, 'backlog' | 'prune'>;
  readonly wakeups: OutboxWakeups;
  /** Creates what the relay keeps its place in. */
  readonly prepare: (signal: AbortSignal) => Promise<void>;
  readonly observe: Observe;
  readonly clock: Clock;
}

export interface OutboxLoopSettings {
  readonly pollMs: number;
  readonly keepMs: number;
}

const MOST_BACKOFF_MS = 10_000;
const COUNT_EVERY_MS = 2_000;
const PRUNE_EVERY_MS = 60_000;
const PRUNE_ROWS = 10_000;

/** Publishes what is due, batch after batch, until the signal. Rejects for errors that halt the daemon; all else is tried again. */
export class OutboxLoop {
  readonly #parts: OutboxLoopParts;
  readonly #settings: OutboxLoopSettings;
  readonly #bell = new Wakeup();
  #backlog: OutboxBacklog | undefined;
  #toldFailure: string | undefined;

  constructor(parts: OutboxLoopParts, settings: OutboxLoopSettings) {
    this.#parts = parts;
    this.#settings = settings;
  }

  /** Undefined before it was counted, and while it cannot be. */
  get backlog(): OutboxBacklog | undefined {
    return this.#backlog;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { relay, prepare, wakeups, observe, clock } = this.#parts;
    await Promise.all([
      this.#watch(signal),
      wakeups.listen(() => this.#bell.ring(), signal),
      (async () => {
        let prepared = false;
        let failures = 0;
        while (!signal.aborted) {
          try {
            if (!prepared) await prepare(signal);
            prepared = true;
            const { kind } = await relay.turn(signal);
            failures = 0;
            this.#toldFailure = undefined;
            if (kind === 'idle') await this.#rest(signal);
          } catch (error) {
            const known = survived(error, signal);
            if (this.#toldFailure !== known.code)
              observe({ type: 'outbox_failed', code: known.code, message: known.message, hint: known.hint });
            this.#toldFailure = known.code;
            await clock.sleep(Math.min(MOST_BACKOFF_MS, this.#settings.pollMs * 2 ** Math.min(failures++, 10)), signal);
          }
        }
      })(),
    ]);
  }

  /** Until something was inserted, or the timer: a wake-up may be lost, and a row may become due by the end of another transaction. */
  async #rest(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    try {
      await Promise.race([this.#parts.clock.sleep(this.#settings.pollMs, either), this.#bell.heard(either)]);
    } finally {
      over.abort();
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    let dueMs = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      await this.#count(signal);
      if (clock.monotonicMs() >= dueMs) {
        const isFull = await this.#prune(signal);
        // A full batch has more behind it.
        if (!isFull) dueMs = clock.monotonicMs() + PRUNE_EVERY_MS;
      }
      await clock.sleep(COUNT_EVERY_MS, signal);
    }
  }

  async #count(signal: AbortSignal): Promise<void> {
    try {
      this.#backlog = await this.#parts.store.backlog(signal);
    } catch (error) {
      survived(error, signal);
      // An old count would look like a new one; that the database is away others tell.
      this.#backlog = undefined;
    }
  }

  /** Whether there may be more to delete. What fails here says nothing of the backlog, which an alert needs. */
  async #prune(signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.#parts.store.prune(this.#settings.keepMs, PRUNE_ROWS, signal)) >= PRUNE_ROWS;
    } catch (error) {
      const { code, message, hint } = survived(error, signal);
      // Where the backlog could not be had either, it is the database that is away.
      if (this.#backlog !== undefined) this.#parts.observe({ type: 'job_failed', job: 'prune_outbox', code, message, hint });
      return false;
    }
  }
}

/** The error where the daemon goes on after it; else throws it. */
function survived(error: unknown, signal: AbortSignal): FarshoreError {
  const known = findFarshoreError(error);
  if (signal.aborted || known === undefined || known.action === 'halt') throw error;
  return known;
}

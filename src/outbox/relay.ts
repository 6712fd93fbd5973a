import { FarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { OutboxBatch, OutboxLog, OutboxStore } from './contracts.ts';
import { holdMs, stepFor } from './settle-batch.ts';

export type TurnOutcome = { readonly kind: 'idle' } | { readonly kind: 'published' | 'refused'; readonly rows: number };

const REFUSALS: ReadonlySet<string> = new Set(['batch_refused', 'topic_missing']);

/** One batch a turn. A turn that rejects is begun again with `open`, so that an unknown outcome becomes known. */
export class OutboxRelay {
  readonly #store: OutboxStore;
  readonly #log: OutboxLog;
  readonly #batchRows: number;
  readonly #observe: Observe;
  #limit: number;
  #isOpen = false;
  /**
   * The last batch that Kafka holds. It outlasts turns that claim nothing: an open batch waits unclaimed while the home of one of its topics is
   * elsewhere, and may be the one that was committed before a kill.
   */
  #last: string | undefined;

  constructor(store: OutboxStore, log: OutboxLog, batchRows: number, observe: Observe) {
    this.#store = store;
    this.#log = log;
    this.#batchRows = batchRows;
    this.#limit = batchRows;
    this.#observe = observe;
  }

  async turn(signal: AbortSignal): Promise<TurnOutcome> {
    if (!this.#isOpen) this.#last = await this.#log.open(signal);
    this.#isOpen = false;
    const batch = await this.#store.claim(this.#limit, signal);
    if (batch === undefined) {
      this.#isOpen = true;
      return { kind: 'idle' };
    }
    if (stepFor(batch.name, this.#last) === 'send') {
      try {
        await this.#log.publish(batch, signal);
        this.#last = batch.name;
      } catch (error) {
        if (!(error instanceof FarshoreError) || !REFUSALS.has(error.code)) throw error;
        return await this.#refused(batch, error, signal);
      }
    }
    await this.#store.published(batch.name, signal);
    this.#isOpen = true;
    this.#limit = Math.min(this.#batchRows, this.#limit * 2);
    for (const [topic, rows] of Map.groupBy(batch.rows, (row) => row.topic))
      this.#observe({ type: 'outbox_published', topic, rows: rows.length });
    return { kind: 'published', rows: batch.rows.length };
  }

  /** Half as many rows the next time, until the one row that is refused is alone in its batch. */
  async #refused(batch: OutboxBatch, error: FarshoreError, signal: AbortSignal): Promise<TurnOutcome> {
    // The abort is proven, not assumed: a released row would be sent again under another name.
    this.#last = await this.#log.open(signal);
    const [row] = batch.rows;
    if (stepFor(batch.name, this.#last) === 'mark_published') await this.#store.published(batch.name, signal);
    else if (batch.rows.length > 1 || row === undefined) await this.#store.release(batch.name, undefined, signal);
    else {
      this.#observe({ type: 'outbox_refused', topic: row.topic, id: row.id, code: error.code, message: error.message });
      await this.#store.release(batch.name, { id: row.id, holdMs: holdMs(row.attempts), error: `${error.code}: ${error.message}` }, signal);
    }
    this.#isOpen = true;
    this.#limit = Math.max(1, Math.floor(batch.rows.length / 2));
    return { kind: 'refused', rows: batch.rows.length };
  }
}

import type { Observe } from '../model/events.ts';
import type { PartitionStop, StopLedger } from './contracts.ts';
import type { UntoldStop } from './stopping.ts';
import type { PartitionTable } from './table.ts';

/** Stops that were found while a transaction was open, in which nothing is written to the database. */
export class UnrecordedStops {
  readonly #observe: Observe;
  readonly #certain: PartitionStop[] = [];
  #planned: UntoldStop[] = [];

  constructor(observe: Observe) {
    this.#observe = observe;
  }

  /** Whatever becomes of the transaction; it was told. */
  add(stop: PartitionStop): void {
    this.#certain.push(stop);
  }

  /** Of a batch behind others that the transaction holds: true, and told, once those are durable. */
  addPlanned(stop: UntoldStop): void {
    this.#planned.push(stop);
  }

  /** After the transaction, also one that failed. */
  async record(stops: Pick<StopLedger, 'put'>, signal: AbortSignal): Promise<void> {
    for (let stop = this.#certain[0]; stop !== undefined; stop = this.#certain[0]) {
      await stops.put(stop, signal);
      this.#certain.shift();
    }
    for (let untold = this.#planned[0]; untold !== undefined; untold = this.#planned[0]) {
      await stops.put(untold.stop, signal);
      this.#observe(untold.event);
      this.#planned.shift();
    }
  }

  /**
   * The transaction was aborted: those before the batch are not mirrored, and who gave the batch up would give them up with it. They are read again, up
   * to it.
   */
  forgetPlanned(table: Pick<PartitionTable, 'get'>): void {
    for (const { stop } of this.#planned) {
      const stopped = table.get(stop.topic, stop.partition);
      if (stopped?.mode.mode === 'stopped' && stopped.mode.error.code === stop.code)
        stopped.setMode({ mode: 'held', reason: 'positions are read again' });
    }
    this.#planned = [];
  }
}

import type { PartitionStop, StopLedger } from './contracts.ts';
import type { PartitionTable } from './table.ts';

/** Stops that were found while a transaction was open, in which nothing is written to the database. */
export class UnrecordedStops {
  #certain: PartitionStop[] = [];
  #planned: PartitionStop[] = [];

  /** Whatever becomes of the transaction. */
  add(stop: PartitionStop): void {
    this.#certain.push(stop);
  }

  /** Of a batch behind others that the transaction holds. */
  addPlanned(stop: PartitionStop): void {
    this.#planned.push(stop);
  }

  /** After the transaction, also one that failed. */
  async record(stops: Pick<StopLedger, 'put'>, signal: AbortSignal): Promise<void> {
    for (const list of [this.#certain, this.#planned])
      for (let stop = list[0]; stop !== undefined; stop = list[0]) {
        await stops.put(stop, signal);
        list.shift();
      }
  }

  /**
   * The transaction was aborted: those before the batch are not mirrored, and who gave the batch up would give them up with it. They are read again, up
   * to it.
   */
  forgetPlanned(table: Pick<PartitionTable, 'get'>): void {
    for (const { topic, partition, code } of this.#planned) {
      const stopped = table.get(topic, partition);
      if (stopped?.mode.mode === 'stopped' && stopped.mode.error.code === code)
        stopped.setMode({ mode: 'held', reason: 'positions are read again' });
    }
    this.#planned = [];
  }
}

import { Wakeup } from '../model/wakeup.ts';
import type { ByteBudget } from './dependencies.ts';

/** The budget of one process: a count that stages share. */
export class SharedByteBudget implements ByteBudget {
  readonly limit: number;
  #taken = 0;
  readonly #given = new Set<Wakeup>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get free(): number {
    return this.limit - this.#taken;
  }

  take(bytes: number): void {
    this.#taken += bytes;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
    for (const waiter of this.#given) waiter.ring();
  }

  async freed(signal: AbortSignal): Promise<void> {
    const waiter = new Wakeup();
    this.#given.add(waiter);
    try {
      await waiter.heard(signal);
    } finally {
      this.#given.delete(waiter);
    }
    signal.throwIfAborted();
  }
}

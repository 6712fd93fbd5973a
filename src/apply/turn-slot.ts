import type { Slots } from './slots.ts';

/**
 * The slot of one turn of a partition. A turn decodes the next batch beside the transaction under way, and either may wait for what is away
 * for long: a registry, a lock. The slot goes to others while all that is left of the turn waits so, and is had again before any of it goes on.
 *
 *     turn      ── plan ──┬── plan ──┐ joins ......... goes on with the slot
 *     beside it           └─ commit ─┴─ sleeps (slot is free) ─ enters ─ commit ─┘
 */
export class TurnSlot {
  readonly #slots: Slots;
  /** What of the turn is not asleep. */
  #working = 1;
  #held = true;
  #entering: Promise<void> | undefined;
  /** Work beside the turn is not over. */
  #beside = false;
  /** The turn waits for it, and goes on in its place. */
  #joined = false;

  private constructor(slots: Slots) {
    this.#slots = slots;
  }

  static async enter(slots: Slots): Promise<TurnSlot> {
    await slots.enter();
    return new TurnSlot(slots);
  }

  /** Waits without the slot where nothing else of the turn needs it. Settles as `sleep` does, and only with the slot. */
  async asleep(sleep: () => Promise<void>): Promise<void> {
    this.#rest();
    try {
      await sleep();
    } finally {
      await this.#wake();
    }
  }

  /** Work that runs beside the turn, one at a time. */
  async beside<T>(work: () => Promise<T>): Promise<T> {
    this.#working++;
    this.#beside = true;
    try {
      return await work();
    } finally {
      this.#beside = false;
      if (!this.#joined) this.#rest();
    }
  }

  /** Waits for what runs beside. */
  async join<T>(work: Promise<T> | undefined): Promise<T | undefined> {
    if (!this.#beside) return await work;
    this.#joined = true;
    this.#rest();
    try {
      return await work;
    } finally {
      this.#joined = false;
    }
  }

  /** The turn is over. */
  leave(): void {
    this.#rest();
  }

  #rest(): void {
    this.#working--;
    if (this.#working > 0) return;
    this.#held = false;
    this.#slots.leave();
  }

  async #wake(): Promise<void> {
    this.#working++;
    if (this.#held) return;
    // Both may wake at a time: it is one slot that they need.
    this.#entering ??= this.#slots.enter().then(() => {
      this.#held = true;
      this.#entering = undefined;
    });
    await this.#entering;
  }
}

import type { ArrayText } from './dependencies.ts';

export interface ExpectedSize {
  readonly bytes: number;
  readonly count: number;
}

/** A sixteenth more than the last time. */
const ROOM = 17 / 16;

/**
 * What the columns of a mapping's last fold came to: the next takes memory for as much at once. Grown from small, columns took twice their
 * memory and were copied as often, which V8 answers by collecting sooner.
 */
export class FoldSizes {
  #last: readonly ExpectedSize[] = [];

  /** By column; empty where nothing is known. To be had once: a second fold of the same plan holds what is left over, mostly little. */
  take(): readonly ExpectedSize[] {
    const last = this.#last;
    this.#last = [];
    return last;
  }

  learn(columns: readonly ArrayText[]): void {
    this.#last = columns.map(({ byteLength, count }) => ({ bytes: Math.ceil(byteLength * ROOM), count: Math.ceil(count * ROOM) }));
  }
}

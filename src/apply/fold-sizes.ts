import type { ArrayText } from './dependencies.ts';

/** A sixteenth more than the last time. */
const ROOM = 17 / 16;

/**
 * What the columns of a mapping's last fold came to: the next takes memory for as much at once. Grown from small, columns took twice their
 * memory and were copied as often, which V8 answers by collecting sooner.
 */
export class FoldSizes {
  #bytes: readonly number[] = [];
  #count = 0;

  /** Of column `index`; undefined before the first. */
  expected(index: number): { readonly bytes: number; readonly count: number } | undefined {
    const bytes = this.#bytes[index];
    return bytes === undefined ? undefined : { bytes: Math.ceil(bytes * ROOM), count: Math.ceil(this.#count * ROOM) };
  }

  learn(columns: readonly ArrayText[]): void {
    this.#bytes = columns.map(({ byteLength }) => byteLength);
    this.#count = columns[0]?.count ?? 0;
  }
}

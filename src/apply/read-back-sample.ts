import type { ArrayText } from './dependencies.ts';
import type { Folded, RowSet } from './folded.ts';
import type { TableMapping } from './mapping.ts';

/** Rows of one table as they were written, with the version that each was given. */
export interface SampledRows {
  readonly mapping: TableMapping;
  readonly rows: Pick<RowSet, 'columns' | 'versions'>;
}

/**
 * A bounded sample of the rows that were written last, by table, kept until they are read back. Rows come at random places of
 * their batches: the first ones of a batch would always be those of the same few keys. Tables whose records set parts of rows are
 * left out: what such a row must hold is not in one record.
 */
export class ReadBackSamples {
  readonly #rowsPerTable: number;
  readonly #random: () => number;
  #rows = new Map<string, number>();
  #samples: SampledRows[] = [];

  /** `random`: 0 ≤ x < 1. */
  constructor(rowsPerTable: number, random: () => number) {
    this.#rowsPerTable = rowsPerTable;
    this.#random = random;
  }

  /** Of what a transaction that is in has written. */
  offer(folds: readonly Folded[]): void {
    for (const { mapping, after } of folds) {
      if (mapping === undefined || mapping.units !== undefined || after === undefined) continue;
      const room = this.#rowsPerTable - (this.#rows.get(mapping.name) ?? 0);
      const count = (after.versions as ArrayText).count;
      if (room <= 0 || count === 0) continue;
      const rows = this.#places(count, Math.min(room, Math.ceil(this.#rowsPerTable / 4)));
      this.#rows.set(mapping.name, this.#rowsPerTable - room + rows.length);
      this.#samples.push({
        mapping,
        rows: { columns: after.columns.map((column) => column.pick(rows)), versions: after.versions.pick(rows) },
      });
    }
  }

  /** What was taken since the last call. */
  take(): readonly SampledRows[] {
    const samples = this.#samples;
    this.#samples = [];
    this.#rows = new Map();
    return samples;
  }

  #places(count: number, most: number): readonly number[] {
    if (count <= most) return Array.from({ length: count }, (_, index) => index);
    const places = new Set<number>();
    // One place a part of the batch: no place is drawn twice.
    for (let part = 0; part < most; part++) {
      const from = Math.floor((part * count) / most);
      const to = Math.floor(((part + 1) * count) / most);
      places.add(from + Math.floor(this.#random() * (to - from)));
    }
    return [...places];
  }
}

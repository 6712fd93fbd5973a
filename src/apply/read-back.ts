import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { ApplyDatabase } from './contracts.ts';
import type { ArrayText } from './dependencies.ts';
import type { Folded } from './folded.ts';
import { ReadBackSamples, type SampledRows } from './read-back-sample.ts';
import { readBackStatement } from './read-back-statement.ts';

export type ReadBackKind = 'missing' | 'changed' | 'reverted';

/** A row that is not what apply wrote, with nothing of the stream to explain it: a rogue write. */
export interface RogueWrite {
  readonly table: string;
  /** The key's values, in key order, as JSON. */
  readonly key: string;
  readonly kind: ReadBackKind;
  /** Columns that differ; of a missing row none. */
  readonly columns: readonly string[];
}

export interface ReadBackParts {
  readonly database: Pick<ApplyDatabase, 'query'>;
  readonly observe: Observe;
  readonly clock: Clock;
  readonly random: () => number;
  /** Keeps what was found where the audit's findings are kept. */
  readonly keep: (found: readonly RogueWrite[], signal: AbortSignal) => Promise<void>;
}

export interface ReadBackSettings {
  /** Rows of a table that are read back in one turn; 0: none. */
  readonly rows: number;
  readonly everyMs: number;
}

/**
 * Reads a sample of freshly applied rows back, a turn after they were written, and compares it with what was written: the one check that
 * needs no primary. It finds triggers, writers beside the daemon and truncation within seconds, where a full pass takes hours.
 */
export class ReadBack {
  readonly #parts: ReadBackParts;
  readonly #settings: ReadBackSettings;
  readonly #samples: ReadBackSamples;
  /** Taken in the turn before: what was written a moment ago gets a turn in which others can spoil it. */
  #due: readonly SampledRows[] = [];

  constructor(parts: ReadBackParts, settings: ReadBackSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#samples = new ReadBackSamples(settings.rows, parts.random);
  }

  offer(folds: readonly Folded[]): void {
    if (this.#settings.rows > 0) this.#samples.offer(folds);
  }

  async run(signal: AbortSignal): Promise<void> {
    if (this.#settings.rows === 0) return;
    for (;;) {
      await this.#parts.clock.sleep(this.#settings.everyMs, signal);
      const due = this.#due;
      this.#due = this.#samples.take();
      for (const sample of due) await this.#check(sample, signal);
    }
  }

  async #check(sample: SampledRows, signal: AbortSignal): Promise<void> {
    const { database, observe, keep } = this.#parts;
    const table = sample.mapping.name;
    try {
      const { rows } = await database.query(readBackStatement(sample), signal);
      const found = rows.map(
        ({ key, kind, columns }): RogueWrite => ({
          table,
          key: String(key),
          kind: kind as ReadBackKind,
          columns: JSON.parse(String(columns)) as readonly string[],
        }),
      );
      observe({ type: 'rows_read_back', table, rows: (sample.rows.versions as ArrayText).count, found: found.length });
      for (const one of found) observe({ type: 'rogue_write_found', ...one });
      if (found.length > 0) await keep(found, signal);
    } catch (error) {
      const known = findFarshoreError(error);
      if (signal.aborted || known === undefined || known.action === 'halt') throw error;
      // The rows of this sample stay unread, and are counted as that; the next sample is of newer ones.
      observe({ type: 'read_back_failed', table, rows: (sample.rows.versions as ArrayText).count, code: known.code });
    }
  }
}

import type { Folded } from './folded.ts';

/** How likely the next batch of a table holds new rows only, as its last ones tell. */
export interface CopyChance {
  /** Batches to pass before the next trial. */
  readonly wait: number;
  /** Batches that the next refusal makes wait, at least. */
  readonly penalty: number;
  /** Trials in a row that went well. */
  readonly inRow: number;
}

const FIRST_PENALTY = 8;
/** A trial in vain sends a batch twice and reads it once: one in a thousand batches costs nothing that can be measured. */
const MOST_PENALTY = 1_024;

export const untried: CopyChance = { wait: 0, penalty: FIRST_PENALTY, inRow: 0 };

export const refused = ({ penalty }: CopyChance): CopyChance => ({
  wait: penalty,
  penalty: Math.min(MOST_PENALTY, 2 * penalty),
  inRow: 0,
});

/** Forgives slowly: as many batches in a row as a refusal costs, so that mixed loads are not tried again and again. */
export const wentWell = ({ penalty, inRow }: CopyChance): CopyChance =>
  inRow + 1 < penalty || penalty === FIRST_PENALTY
    ? { wait: 0, penalty, inRow: inRow + 1 }
    : { wait: 0, penalty: Math.max(FIRST_PENALTY, penalty / 2), inRow: 0 };

export const passed = (chance: CopyChance): CopyChance => ({ ...chance, wait: Math.max(0, chance.wait - 1) });

/** Below this the statement's own cost counts, not its rows'. */
export const LEAST_COPIED_ROWS = 64;
/** Records of one key in one batch are states of one row: it was there before, as likely as not. */
const MOST_FOLDED = 0.02;

/** Whether the batch itself looks like new rows. */
export const looksNew = ({ before, deletes, after, records, folded }: Folded): boolean =>
  before === undefined &&
  deletes === undefined &&
  after !== undefined &&
  after.versions.count >= LEAST_COPIED_ROWS &&
  folded <= records * MOST_FOLDED;

/** Which folds are tried, and what came of it. */
export interface CopyTrials {
  tries(folded: Folded): boolean;
  note(folded: Folded, outcome: 'copied' | 'refused'): void;
}

/** The chances of all tables, shared by their partitions. */
export class CopyChances implements CopyTrials {
  readonly #chances = new Map<string, CopyChance>();

  /** A batch that is not tried counts as one of those to wait for. */
  tries(folded: Folded): boolean {
    if (!looksNew(folded)) return false;
    const chance = this.#of(folded);
    if (chance.wait === 0) return true;
    this.#chances.set(folded.table.name, passed(chance));
    return false;
  }

  note(folded: Folded, outcome: 'copied' | 'refused'): void {
    const chance = this.#of(folded);
    this.#chances.set(folded.table.name, outcome === 'copied' ? wentWell(chance) : refused(chance));
  }

  #of({ table }: Folded): CopyChance {
    return this.#chances.get(table.name) ?? untried;
  }
}

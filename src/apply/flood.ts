import { FarshoreError } from '../model/errors.ts';

/** A flood is more than both, within a minute: a few bad records of a quiet topic are no flood, nor is one in a hundred of a busy one. */
export interface RejectBudget {
  /** Of all records of the table, 0 to 1. */
  readonly share: number;
  readonly perMinute: number;
}

const SLOT_MS = 10_000;
const SLOTS = 6;

interface Slot {
  readonly number: number;
  records: number;
  rejects: number;
}

/**
 * The records of each table in the last minute, and how many of them were rejected. When a budget is
 * spent, something other than the records is wrong (a mapping, a trigger, a producer's release), and diverting the rest would empty
 * the topic into the ledger: the table stops instead.
 */
export class RejectFloods {
  readonly #budget: RejectBudget;
  readonly #tables = new Map<string, Slot[]>();

  constructor(budget: RejectBudget) {
    this.#budget = budget;
  }

  /** Undefined when so many may be rejected; else the error that stops the table. Nothing is counted yet. */
  over(table: string, plan: { readonly records: number; readonly rejects: number }, nowMs: number): FarshoreError | undefined {
    if (plan.rejects === 0) return undefined;
    let { records, rejects } = plan;
    for (const slot of this.#within(table, nowMs)) {
      records += slot.records;
      rejects += slot.rejects;
    }
    const { share, perMinute } = this.#budget;
    if (rejects <= perMinute || rejects <= share * records) return undefined;
    return new FarshoreError('rejected_flood', `${rejects} of ${records} records of ${table} would be rejected within a minute`, {
      place: `table ${table}`,
      hint: `\`farshore rejected list --table ${table}\` shows those that are kept. A resume begins the minute anew; rejected.budget says how many it may be.`,
      facts: { rejects, records },
    });
  }

  /** What was committed. */
  note(table: string, plan: { readonly records: number; readonly rejects: number }, nowMs: number): void {
    const slots = this.#within(table, nowMs);
    const number = Math.floor(nowMs / SLOT_MS);
    let last = slots.at(-1);
    if (last?.number !== number) {
      last = { number, records: 0, rejects: 0 };
      slots.push(last);
    }
    last.records += plan.records;
    last.rejects += plan.rejects;
  }

  /** An operator resumed the table. */
  forget(table: string): void {
    this.#tables.delete(table);
  }

  #within(table: string, nowMs: number): Slot[] {
    const oldest = Math.floor(nowMs / SLOT_MS) - SLOTS + 1;
    const slots = this.#tables.get(table) ?? [];
    while (slots.length > 0 && slots[0]!.number < oldest) slots.shift();
    this.#tables.set(table, slots);
    return slots;
  }
}

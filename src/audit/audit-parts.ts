import type { Clock } from '../model/clock.ts';
import type { Observe } from '../model/events.ts';
import type { AuditStore } from './audit-contracts.ts';
import type { ComparedTable, Key, Refused, Sides } from './contracts.ts';
import type { RepairSides, RepairStore } from './repair.ts';
import type { RepairedTable } from './repair-statements.ts';

/** A table of the configuration, as the audit asks for it. */
export interface AuditedTable {
  /** `public.invoices`. */
  readonly name: string;
  /** Looks at both sides anew: a column may have come since. */
  prepare(
    signal: AbortSignal,
  ): Promise<{ readonly kind: 'compared'; readonly table: ComparedTable; readonly repaired: RepairedTable } | Refused>;
  /** Rows that the region is expected to have, by the planner's statistics. */
  rowsExpected(signal: AbortSignal): Promise<number>;
  /** C5, for the table's topics. */
  passed(signal: AbortSignal): Promise<'passed' | 'not_yet'>;
  /** Keys as the comparison writes them, of keys as the region's database prints them. */
  keysOf(table: ComparedTable, printed: readonly Key[], signal: AbortSignal): Promise<readonly Key[]>;
  /** Which of the keys have a record that waits for another row, or is kept as rejected. */
  held(table: ComparedTable, keys: readonly Key[], signal: AbortSignal): Promise<readonly boolean[]>;
}

export interface AuditParts {
  readonly tables: readonly AuditedTable[];
  readonly sides: Sides;
  readonly store: AuditStore;
  readonly repairStore: RepairStore;
  readonly repairSides: (name: string, table: RepairedTable, signal: AbortSignal) => Promise<RepairSides>;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly lagSeconds: () => number | undefined;
  readonly load: () => number;
}

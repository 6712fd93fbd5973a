import type { FarshoreError } from '../model/errors.ts';

/** Whether a refusal is about another row, and passes once that one has come or gone. */
export const isOfAnotherRow = ({ code, facts }: FarshoreError): boolean =>
  code === 'row_refused' && (facts.sqlState === '23503' || facts.sqlState === '23505' || facts.sqlState === '23P01');

export interface ParkLimits {
  /** Of one table; what comes above it is rejected. */
  readonly limit: number;
  readonly maxAgeSeconds: number;
}

/** How many records of each table are parked, and which tables were written since they were last tried. */
export class ParkedCounts {
  readonly #limits: ParkLimits;
  #counts = new Map<string, number>();
  readonly #written = new Set<string>();

  constructor(limits: ParkLimits) {
    this.#limits = limits;
  }

  get total(): number {
    let total = 0;
    for (const count of this.#counts.values()) total += count;
    return total;
  }

  full(table: string): boolean {
    return (this.#counts.get(table) ?? 0) >= this.#limits.limit;
  }

  parked(table: string, records: number): void {
    this.#counts.set(table, (this.#counts.get(table) ?? 0) + records);
  }

  /** As the database counts them. */
  reset(counts: ReadonlyMap<string, number>): void {
    this.#counts = new Map(counts);
  }

  /** A transaction wrote rows of the table. */
  wrote(table: string): void {
    if (this.#counts.size > 0) this.#written.add(table);
  }

  /** The tables written since the last call. */
  takeWritten(): readonly string[] {
    const tables = [...this.#written];
    this.#written.clear();
    return tables;
  }
}

/**
 * The table a refused record waits for. A foreign key is violated from either side: by a child without its parent, then the server names the
 * child's own table, and `parentOf` the constraint's other one; or by the delete of a parent that has children, then it names theirs.
 */
export async function waitsFor(
  { code, facts }: FarshoreError,
  own: string,
  parentOf: (child: string, constraint: string) => Promise<string | undefined>,
): Promise<string> {
  const table = typeof facts.table === 'string' ? facts.table : own;
  if (code !== 'row_refused' || facts.sqlState !== '23503' || typeof facts.constraint !== 'string') return own;
  return table === own ? ((await parentOf(table, facts.constraint)) ?? own) : table;
}

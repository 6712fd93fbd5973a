import type { FarshoreError } from '../model/errors.ts';
import type { ApplyPlan } from './apply-plan.ts';
import { isOfAnotherRow, waitsFor } from './parking.ts';
import { isRejectable, type Refusal } from './rejects.ts';

/**
 * How a record that the database refused alone, in `plan`, is kept: parked while it may be right later, else rejected. Undefined: not at all, its
 * partition stops. `tables` are the topic's; `full` tells where no more may be parked.
 */
export async function refusalOfRecord(
  plan: Pick<ApplyPlan, 'folds'>,
  error: FarshoreError,
  tables: readonly string[],
  full: (table: string) => boolean,
  parentOf: (child: string, constraint: string) => Promise<string | undefined>,
): Promise<Refusal | undefined> {
  const named = tables.find((table) => table === error.facts.table);
  const table = named ?? plan.folds.at(-1)?.table.name;
  const isPart = error.code === 'row_unknown' && plan.folds.some(({ mapping }) => mapping?.units?.unknownRow === 'park');
  if (table === undefined || !(isOfAnotherRow(error) || isPart)) return isRejectable(error) ? { error } : undefined;
  if (full(table)) return { error };
  return { error, waitsFor: await waitsFor(error, table, parentOf) };
}

/** 21000: two key texts of one statement were one row for the database; halves part them. */
export const isRowRefusal = (error: FarshoreError): boolean =>
  error.code === 'row_refused' || error.code === 'row_unknown' || error.facts.sqlState === '21000';

const tableProblems: ReadonlySet<string> = new Set([
  'table_missing',
  'table_mismatch',
  'table_unmappable',
  'database_denied',
  'schema_conflict',
  'rejected_flood',
]);

export const isTableProblem = (error: FarshoreError): boolean => tableProblems.has(error.code);

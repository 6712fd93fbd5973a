import { FarshoreError } from '../model/errors.ts';
import { type TableName, tableText } from '../model/sql-name.ts';

export const problem = (
  code: 'table_missing' | 'table_mismatch' | 'table_unmappable' | 'database_denied',
  table: string,
  message: string,
  hint: string,
  /** What it is a problem of, where that is one thing. */
  of: { readonly column?: string; readonly field?: string } = {},
): FarshoreError => new FarshoreError(code, message, { place: `table ${table}`, hint, facts: of });

export const columnProblem = (table: TableName, column: string, why: string, hint: string): FarshoreError =>
  problem('table_mismatch', tableText(table), `Column ${column}: ${why}`, hint, { column });

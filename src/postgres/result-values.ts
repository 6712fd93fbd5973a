import { FarshoreError } from '../model/errors.ts';

/** Columns of a row as values. The server sends text; a null where none can be means the statement and its reader disagree. */
export type TextRow = Readonly<Record<string, string | null>>;

export function text(row: TextRow, column: string): string {
  const value = row[column];
  if (value === null || value === undefined) throw new FarshoreError('internal', `Column ${column} of a result has no value.`);
  return value;
}

export const optionalText = (row: TextRow, column: string): string | undefined => row[column] ?? undefined;
export const integer = (row: TextRow, column: string): number => Number(text(row, column));
export const bigInteger = (row: TextRow, column: string): bigint => BigInt(text(row, column));
export const truth = (row: TextRow, column: string): boolean => text(row, column) === 't';

/** A column built with json_agg or to_json. */
export const json = (row: TextRow, column: string): unknown => JSON.parse(text(row, column));

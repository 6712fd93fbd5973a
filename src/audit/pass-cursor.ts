import { createHash } from 'node:crypto';
import { FarshoreError } from '../model/errors.ts';
import type { ComparedTable, Key } from './contracts.ts';

/** Where a pass is: after a key, before the first row (undefined), or at the end. */
export type PassPlace = { readonly kind: 'after'; readonly key: Key | undefined } | { readonly kind: 'done' };

/** A table may have hundreds of columns, and each step writes a cursor: their digest stands for them. */
const columnsDigest = ({ columns }: ComparedTable): string =>
  createHash('sha256')
    .update(JSON.stringify(columns.map(({ name, as, primary }) => [name, as, primary.name])))
    .digest('hex')
    .slice(0, 32);

/**
 * A key means a place only for the same rows of the same table walked by the same columns in the same way; and what lies before it counts as
 * compared, or as written, only for the columns that were.
 */
const identity = (table: ComparedTable): readonly string[] => {
  const { primary, region, key } = table;
  return [
    `${primary.table.schema}.${primary.table.table}`,
    `${region.table.schema}.${region.table.table}`,
    ...[primary.where, region.where].flatMap((where) => (where === undefined ? [] : [`where ${where}`])),
    ...key.map(({ name, keyAs }) => `${name} ${keyAs}`),
    `columns ${columnsDigest(table)}`,
  ];
};

export function writeCursor(table: ComparedTable, place: PassPlace): string {
  return JSON.stringify({ of: identity(table), ...(place.kind === 'done' ? { done: true } : { after: place.key ?? null }) });
}

/**
 * A cursor as it is written now, of one that says nothing of columns: versions until 2026-12 wrote such. For who cannot begin again at the first row
 * without an operator; what else does not fit stays as it is.
 */
export function withColumns(table: ComparedTable, cursor: string): string {
  const read = parsed(cursor);
  const of = identity(table);
  if (read === undefined || JSON.stringify(read.of) !== JSON.stringify(of.slice(0, -1))) return cursor;
  return JSON.stringify({ ...read, of });
}

/** Whether a pass may go on at the cursor: the table is the one, and walked and compared as it was, when that was written. */
export const fitsCursor = (table: ComparedTable, cursor: string): boolean => typeof placeOf(table, cursor) !== 'string';

/** Throws `request_invalid` for a cursor of another table, key or columns: going on there would leave rows, or values, out. */
export function readCursor(table: ComparedTable, cursor: string | undefined): PassPlace {
  if (cursor === undefined) return { kind: 'after', key: undefined };
  const place = placeOf(table, cursor);
  if (typeof place !== 'string') return place;
  throw new FarshoreError('request_invalid', place, {
    place: `table ${table.region.table.schema}.${table.region.table.table}`,
    hint: 'Start the pass from the first row, without a cursor.',
  });
}

/** The place, or why the cursor is none. */
function placeOf(table: ComparedTable, cursor: string): PassPlace | string {
  const read = parsed(cursor);
  if (read === undefined) return 'The cursor of the audit cannot be read';
  if (JSON.stringify(read.of) !== JSON.stringify(identity(table))) {
    return 'The cursor of the audit is that of another table, or of another key or other columns';
  }
  if (read.done === true) return { kind: 'done' };
  const { after } = read;
  if (after === null) return { kind: 'after', key: undefined };
  const isKey = Array.isArray(after) && after.length === table.key.length && after.every((value) => typeof value === 'string');
  return isKey ? { kind: 'after', key: after } : 'The cursor of the audit holds no key of the table';
}

function parsed(cursor: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(cursor);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

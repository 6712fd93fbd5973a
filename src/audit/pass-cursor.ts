import { FarshoreError } from '../model/errors.ts';
import type { ComparedTable, Key } from './contracts.ts';

/** Where a pass is: after a key, before the first row (undefined), or at the end. */
export type PassPlace = { readonly kind: 'after'; readonly key: Key | undefined } | { readonly kind: 'done' };

/** A key means a place only for the same table walked by the same columns in the same way. */
const identity = ({ primary, region, key }: ComparedTable): readonly string[] => [
  `${primary.table.schema}.${primary.table.table}`,
  `${region.table.schema}.${region.table.table}`,
  ...key.map(({ name, keyAs }) => `${name} ${keyAs}`),
];

export function writeCursor(table: ComparedTable, place: PassPlace): string {
  return JSON.stringify({ of: identity(table), ...(place.kind === 'done' ? { done: true } : { after: place.key ?? null }) });
}

/** Throws `request_invalid` for a cursor of another table or key: going on there would leave rows out. */
export function readCursor(table: ComparedTable, cursor: string | undefined): PassPlace {
  if (cursor === undefined) return { kind: 'after', key: undefined };
  const read = parsed(cursor);
  const place = `table ${table.region.table.schema}.${table.region.table.table}`;
  const hint = 'Start the pass from the first row, without a cursor.';
  if (read === undefined) throw new FarshoreError('request_invalid', 'The cursor of the audit cannot be read', { place, hint });
  if (JSON.stringify(read.of) !== JSON.stringify(identity(table))) {
    throw new FarshoreError('request_invalid', 'The cursor of the audit is that of another table, or of another key', { place, hint });
  }
  if (read.done === true) return { kind: 'done' };
  const { after } = read;
  if (after === null) return { kind: 'after', key: undefined };
  const isKey = Array.isArray(after) && after.length === table.key.length && after.every((value) => typeof value === 'string');
  if (!isKey) throw new FarshoreError('request_invalid', 'The cursor of the audit holds no key of the table', { place, hint });
  return { kind: 'after', key: after };
}

function parsed(cursor: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(cursor);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

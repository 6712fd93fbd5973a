import { baseType, travelOf } from './column-types.ts';
import type { TableDescription } from './dependencies.ts';
import type { EntryView } from './entry-view.ts';
import type { MappedColumn } from './map-columns.ts';
import { UNITS_COLUMN } from './units.ts';

/** The column that a delete sets, and what it sets there. */
export interface SoftDelete {
  readonly column: string;
  readonly type: string;
  readonly sets: 'moment' | 'true';
  /** Whether the table keeps versions of parts of rows: after a delete they are all the delete's. */
  readonly ofParts: boolean;
}

const DEFAULT_OF_DIONYSUS = 'synced_deleted_at';

export function softDeleteOf(
  { entry }: Pick<EntryView, 'entry'>,
  table: TableDescription,
): SoftDelete | { readonly why: string } | undefined {
  const wanted = entry.softDelete;
  const name = wanted ?? (entry.preset === 'dionysus' ? DEFAULT_OF_DIONYSUS : undefined);
  if (name === undefined) return undefined;
  const column = table.columns.find((one) => one.name === name);
  if (column === undefined) return wanted === undefined ? undefined : { why: `Column ${name} named in \`softDelete\` is not in the table` };
  const type = baseType(column.type);
  const ofParts = table.columns.some((one) => one.name === UNITS_COLUMN);
  if (type === 'boolean') return { column: name, type: column.type, sets: 'true', ofParts };
  if (type === 'timestamp with time zone' || type === 'timestamp without time zone')
    return { column: name, type: column.type, sets: 'moment', ofParts };
  return { why: `Column ${name} of \`softDelete\` is ${column.type}, neither a timestamp nor a boolean` };
}

/** A state that comes later restores the row: its column is null again, or false. A canceled one stays deleted since then. */
export function restoringColumn({ column, type, sets }: SoftDelete, preset: string | undefined): MappedColumn {
  const travel = travelOf(type, { avro: 'string', logical: undefined });
  if (sets === 'true') return { column, field: '', type, travel, read: () => false };
  return { column, field: '', type, travel, read: preset === 'dionysus' ? (row) => row.canceled_at ?? null : () => null };
}

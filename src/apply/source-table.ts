import type { SourceTable } from '../model/source-table.ts';
import { quoteName } from '../model/sql-name.ts';
import type { TableDescription } from './dependencies.ts';
import { keyField, presetEntry } from './entry-view.ts';
import { VERSION_COLUMN } from './mapping.ts';
import { type SoftDelete, softDeleteOf } from './soft-delete.ts';
import { type ColumnSource, type TableEntry, tableNameOf } from './table-entry.ts';
import { UNITS_COLUMN } from './units.ts';

/** Why a regional column has nothing at the primary to be compared with. */
export type OmitReason = 'farshore' | 'generated' | 'constant' | 'document' | 'nested field' | 'soft delete' | 'not filled' | 'omitted';

export interface ResolvedSource {
  readonly source: SourceTable;
  /** Regional columns that identify a row. */
  readonly key: readonly string[];
  /** Regional columns that are in no comparison, so that a report can name what it did not look at. */
  readonly omitted: ReadonlyMap<string, OmitReason>;
  /** SQL condition on the regional table: rows that are not softly deleted. */
  readonly live: string | undefined;
  readonly softDelete: SoftDelete | undefined;
  /** Columns named under `source` that the regional table does not have. */
  readonly unknown: readonly string[];
}

type RegionTable = Pick<TableDescription, 'columns' | 'primaryKey'>;

/** Where the rows of an entry's table come from, by what the entry says and the regional table's columns. */
export function sourceTableOf(entry: TableEntry, region: RegionTable): ResolvedSource {
  const filled = presetEntry(entry);
  const softDelete = softDeleteColumn(filled, region);
  const key = filled.key ?? region.primaryKey;
  const columns = new Map<string, string>();
  const omitted = new Map<string, OmitReason>();
  for (const column of region.columns) {
    const why = column.name === softDelete?.column ? 'soft delete' : omitReason(filled, column, key.includes(column.name));
    if (why === undefined) columns.set(column.name, entry.source?.columns?.[column.name] ?? keyField(filled, column.name));
    else omitted.set(column.name, why);
  }
  const names = new Set(region.columns.map(({ name }) => name));
  const named = [...Object.keys(entry.source?.columns ?? {}), ...(entry.source?.omit ?? [])];
  return {
    source: {
      table: tableNameOf({ topic: entry.topic, table: entry.source?.table ?? entry.table }),
      columns,
      where: entry.source?.where,
    },
    key,
    omitted,
    live: softDelete && `${quoteName(softDelete.column)} is ${softDelete.sets === 'true' ? 'not true' : 'null'}`,
    softDelete,
    unknown: named.filter((name) => !names.has(name)),
  };
}

function softDeleteColumn(entry: TableEntry, region: RegionTable): SoftDelete | undefined {
  const found = softDeleteOf({ entry }, region as TableDescription);
  // What is wrong with it stops the table where it is applied.
  return found === undefined || 'why' in found ? undefined : found;
}

type Column = TableDescription['columns'][number];

function omitReason(entry: TableEntry, { name, generated, identity }: Column, isKey: boolean): OmitReason | undefined {
  if (entry.source?.omit?.includes(name) === true) return 'omitted';
  if (entry.source?.columns?.[name] !== undefined) return undefined;
  if (name === VERSION_COLUMN || name === UNITS_COLUMN) return 'farshore';
  if (generated !== 'no' || identity === 'always') return 'generated';
  const source: ColumnSource | undefined = entry.columns?.[name];
  if (typeof source === 'object' && 'value' in source) return 'constant';
  if (typeof source === 'object' && 'document' in source) return 'document';
  const field = keyField(entry, name);
  if (field.includes('.')) return 'nested field';
  if (source !== undefined || isKey) return undefined;
  const isFilled = entry.ignore?.includes(field) !== true && entry.allow?.includes(field) !== false;
  return isFilled ? undefined : 'not filled';
}

import { FarshoreError } from '../model/errors.ts';
import { quoteName, quoteTable, tableText } from '../model/sql-name.ts';
import { columnsOf, stateColumns } from './create-table.ts';
import type { TableDescription } from './dependencies.ts';
import { entryView, type SchemaShape } from './entry-view.ts';
import { VERSION_COLUMN } from './mapping.ts';
import type { TableEntry } from './table-entry.ts';
import { UNITS_COLUMN } from './units.ts';

/** PostgreSQL cuts a longer name, and `if not exists` would then find another column under it. */
const MOST_NAME_BYTES = 63;

/**
 * While an `alter table` waits for its lock, every reader and writer of the table queues behind it: it waits shortly and
 * tries again, so that a long query of somebody else holds nobody up for longer.
 */
const LOCK_TIMEOUT = `set local lock_timeout = '2s'`;

/**
 * The statements, one transaction, that give a table the columns it lacks for a schema; none when it lacks nothing. Columns
 * are only added, nullable and without a default, so that no row is written anew. What must not be decided alone stays as
 * it is, and is refused by the mapping: another type, a missing key. Throws `table_unmappable`. Where the lock is not to be had the transaction
 * ends with 55P03, and the caller tries again later, holding nothing: other partitions of the table go on applying.
 */
export function evolveTableText(written: TableEntry, shape: SchemaShape, table: TableDescription): readonly string[] {
  const added = addedColumns(written, shape, table);
  if (added.length === 0) return [];
  const changes = added.map(({ column, type }) => `  add column if not exists ${quoteName(column)} ${type}`);
  return [LOCK_TIMEOUT, `alter table ${quoteTable(table)}\n${changes.join(',\n')}`];
}

export interface AddedColumn {
  readonly column: string;
  readonly type: string;
}

/** The columns that a table lacks for a schema and may be given. Throws `table_unmappable`. */
export function addedColumns(written: TableEntry, shape: SchemaShape, table: TableDescription): readonly AddedColumn[] {
  const view = entryView(written, shape);
  const { entry } = view;
  const place = `table ${tableText(table)}`;
  const present = new Set(table.columns.map(({ name }) => name));
  const key = new Set(entry.key ?? table.primaryKey);
  // A field whose column has another name that the preset allows lacks nothing.
  const missing = columnsOf(view).filter(
    ({ column, others }) => ![column, ...others].some((name) => present.has(name)) && !key.has(column),
  );
  const own = [VERSION_COLUMN, UNITS_COLUMN];
  for (const { column } of missing) {
    if (Buffer.byteLength(column) <= MOST_NAME_BYTES && !own.includes(column)) continue;
    const reason = own.includes(column) ? 'is Farshore’s own' : `is longer than ${MOST_NAME_BYTES} bytes`;
    throw new FarshoreError('table_unmappable', `The column name ${column} ${reason}`, {
      place,
      hint: 'Give the field another column in `columns` of the table entry.',
    });
  }
  return [...missing, ...stateColumns(view).filter(({ column }) => !present.has(column))];
}

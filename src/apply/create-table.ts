import { FarshoreError } from '../model/errors.ts';
import { quoteName, quoteTable, tableText } from '../model/sql-name.ts';
import { castShape } from './casts.ts';
import { columnTypeOf } from './column-types.ts';
import type { FieldShape } from './contracts.ts';
import type { TableDescription } from './dependencies.ts';
import { type EntryView, entryView, isSignal, type SchemaShape, shapeAt } from './entry-view.ts';
import { type TableEntry, tableNameOf } from './table-entry.ts';

const commentText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * The statements that create the table of an entry from a schema: every field a column, nullable unless in the key,
 * since a later writer may leave it out; docs become comments. Throws `table_unmappable`.
 */
export function createTableText(written: TableEntry, shape: SchemaShape): readonly string[] {
  const view = entryView(written, shape);
  const { entry } = view;
  const name = tableNameOf(entry);
  const place = `table ${tableText(name)}`;
  const key = entry.key ?? [];
  const refused = (message: string, hint: string) => new FarshoreError('table_unmappable', message, { place, hint });
  if (view.problem !== undefined) throw refused(view.problem, 'Mend `preset` of the table entry.');
  if (key.length === 0) throw refused('A table can only be created with a key', 'Name the key columns in `key` of the table entry.');
  const columns = columnsOf(view);
  const unknown = key.filter((column) => !columns.some((c) => c.column === column));
  if (unknown.length > 0) {
    throw refused(`Key columns without a field in the schema: ${unknown.join(', ')}`, 'Mend `key` or `columns` of the table entry.');
  }
  const lines = columns.map(({ column, type }) => `  ${quoteName(column)} ${type}${key.includes(column) ? ' not null' : ''}`);
  const state = stateColumns(view).map(({ column, type }) => `  ${column} ${type}`);
  const statements = [
    `create table if not exists ${quoteTable(name)} (\n${[...lines, ...state, `  primary key (${key.map(quoteName).join(', ')})`].join(',\n')}\n)`,
  ];
  for (const { column, doc } of columns) {
    if (doc === undefined || doc === '') continue;
    statements.push(`comment on column ${quoteTable(name)}.${quoteName(column)} is ${commentText(doc)}`);
  }
  return statements;
}

const isSetInPart = ({ entry, partial }: EntryView): boolean => partial !== undefined || Object.keys(entry.groups ?? {}).length > 0;

/** Farshore's own columns of a table: what its rows' versions need. */
export const stateColumns = (view: EntryView): readonly { readonly column: string; readonly type: string }[] => [
  { column: 'farshore_version', type: 'bytea' },
  ...(isSetInPart(view) ? [{ column: 'farshore_units', type: 'jsonb' }] : []),
];

export interface NewColumn {
  readonly column: string;
  /** Names that a table may have it under as well. */
  readonly others: readonly string[];
  readonly type: string;
  readonly doc: string | undefined;
}

/** A column for each field of the row that is to have one, and for the entry's other sources. */
export function columnsOf(view: EntryView): readonly NewColumn[] {
  const { entry, fields } = view;
  const columns: NewColumn[] = [];
  const add = (column: string, type: string, doc: string | undefined, others: readonly string[] = []) => {
    if (!columns.some((one) => one.column === column)) columns.push({ column, others, type, doc });
  };
  const used = new Set<string>();
  for (const [column, source] of Object.entries(entry.columns ?? {})) {
    const path = typeof source === 'string' ? source : 'field' in source ? source.field : undefined;
    if (path === undefined) {
      add(column, typeof source === 'object' && 'document' in source ? 'jsonb' : 'text', undefined);
      continue;
    }
    used.add(path.split('.')[0]!);
    const found = shapeAt(fields, path);
    const cast = typeof source === 'object' && 'cast' in source ? source.cast : undefined;
    const shape = found === undefined || cast === undefined ? found : castShape(cast, found);
    if (shape !== undefined && !('why' in shape)) add(column, columnTypeOf(shape), shape.doc);
  }
  for (const field of fields) {
    const [first, ...others] = view.columnsFor(field.name);
    // The preset's own columns; the rest of the record is in its document.
    if (view.loose && !['id', 'created_at', 'updated_at'].includes(field.name)) continue;
    const left = entry.allow !== undefined && !entry.allow.includes(field.name) && entry.key?.includes(first!) !== true;
    if (used.has(field.name) || entry.ignore?.includes(field.name) === true || left || isSignal(view, field.name)) continue;
    add(first!, columnTypeOf(field), field.doc, others);
  }
  const softDelete = entry.softDelete ?? (entry.preset === 'dionysus' ? 'synced_deleted_at' : undefined);
  if (softDelete !== undefined) add(softDelete, 'timestamp with time zone', undefined);
  return columns;
}

/** The statement that makes a column fit its field, to paste. */
export function alterTableText(
  table: Pick<TableDescription, 'schema' | 'table'>,
  change: 'add' | 'type',
  column: string,
  field: FieldShape,
): string {
  const what =
    change === 'add'
      ? `add column ${quoteName(column)} ${columnTypeOf(field)}`
      : `alter column ${quoteName(column)} type ${columnTypeOf(field)}`;
  return `alter table ${quoteTable(table)} ${what};`;
}

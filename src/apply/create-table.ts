import { FarshoreError } from '../model/errors.ts';
import { columnTypeOf } from './column-types.ts';
import type { FieldShape } from './contracts.ts';
import type { TableDescription } from './dependencies.ts';
import { quoteName, quoteTable, type TableEntry, tableNameOf, tableText } from './table-entry.ts';

const commentText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * The statements that create the table of an entry from a schema: every field a column, nullable unless in the key,
 * since a later writer may leave it out; docs become comments. Throws `table_unmappable`.
 */
export function createTableText(entry: TableEntry, fields: readonly FieldShape[]): readonly string[] {
  const name = tableNameOf(entry);
  const place = `table ${tableText(name)}`;
  const key = entry.key ?? [];
  if (key.length === 0) {
    throw new FarshoreError('table_unmappable', 'A table can only be created with a key', {
      place,
      hint: 'Name the key columns in `key` of the table entry.',
    });
  }
  const renamed = new Map(Object.entries(entry.columns ?? {}).map(([column, field]) => [field, column]));
  const columns = fields.map((field) => ({ column: renamed.get(field.name) ?? field.name, field }));
  const unknown = key.filter((column) => !columns.some((c) => c.column === column));
  if (unknown.length > 0) {
    throw new FarshoreError('table_unmappable', `Key columns without a field in the schema: ${unknown.join(', ')}`, {
      place,
      hint: 'Mend `key` or `columns` of the table entry.',
    });
  }
  const lines = columns.map(
    ({ column, field }) => `  ${quoteName(column)} ${columnTypeOf(field)}${key.includes(column) ? ' not null' : ''}`,
  );
  const statements = [
    `create table if not exists ${quoteTable(name)} (\n${[...lines, '  farshore_version bytea', `  primary key (${key.map(quoteName).join(', ')})`].join(',\n')}\n)`,
  ];
  for (const { column, field } of columns) {
    if (field.doc === undefined || field.doc === '') continue;
    statements.push(`comment on column ${quoteTable(name)}.${quoteName(column)} is ${commentText(field.doc)}`);
  }
  return statements;
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

import { columnsOf, createTableText, stateColumns } from './create-table.ts';
import type { ApplySettings, TableDescription } from './dependencies.ts';
import { entryView, type SchemaShape } from './entry-view.ts';
import { addedColumns } from './evolve-table.ts';
import { type TableEntry, tableNameOf } from './table-entry.ts';

export interface PlannedTable {
  /** Undefined: there is none, and none may be made. */
  readonly table: TableDescription | undefined;
  /** Columns that are not there yet. */
  readonly added: ReadonlySet<string>;
}

/** The table as it will be at the first record of the schema, by what `apply.schema` allows. Throws `table_unmappable`. */
export function plannedTable(
  entry: TableEntry,
  shape: SchemaShape,
  table: TableDescription | undefined,
  mode: ApplySettings['schema'],
): PlannedTable {
  if (table === undefined) return mode === 'create' ? created(entry, shape) : { table, added: new Set() };
  const added = mode === 'evolve' ? addedColumns(entry, shape, table) : [];
  return {
    table: { ...table, columns: [...table.columns, ...added.map(({ column, type }) => described(column, type, true))] },
    added: new Set(added.map(({ column }) => column)),
  };
}

const described = (name: string, type: string, nullable: boolean): TableDescription['columns'][number] => ({
  ...{ name, type, nullable },
  ...{ hasDefault: false, generated: 'no', identity: 'no' },
});

function created(entry: TableEntry, shape: SchemaShape): PlannedTable {
  // Says what is in the way of making it.
  createTableText(entry, shape);
  const view = entryView(entry, shape);
  const key = view.entry.key ?? [];
  const columns = [...columnsOf(view), ...stateColumns(view)];
  return {
    table: {
      ...tableNameOf(entry),
      kind: 'table',
      columns: columns.map(({ column, type }) => described(column, type, !key.includes(column))),
      primaryKey: key,
      uniqueIndexes: [{ name: 'primary key', columns: key, usableAsKey: true }],
      rowSecurity: false,
      rights: ['select', 'insert', 'update', 'delete'],
    },
    added: new Set(columns.map(({ column }) => column)),
  };
}

import type { TableDescription } from '../../../src/apply/dependencies.ts';

/** A table as the database would describe it: columns nullable but the key, with the version column unless told otherwise. */
export function tableDescription(
  name: string,
  columns: Readonly<Record<string, string>>,
  primaryKey: readonly string[],
  changes: Partial<TableDescription> = {},
): TableDescription {
  const [schema = '', table = ''] = name.split('.');
  const all = { ...columns, farshore_version: 'bytea' };
  return {
    schema,
    table,
    kind: 'table',
    columns: Object.entries(all).map(([column, type]) => ({
      name: column,
      type,
      nullable: !primaryKey.includes(column),
      hasDefault: false,
      generated: 'no',
      identity: 'no',
    })),
    primaryKey,
    uniqueIndexes: primaryKey.length === 0 ? [] : [{ name: `${table}_pkey`, columns: primaryKey, usableAsKey: true }],
    rowSecurity: false,
    rights: ['select', 'insert', 'update', 'delete'],
    ...changes,
  };
}

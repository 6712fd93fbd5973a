import type { ColumnType, SideColumn, SideTable } from '../../../src/audit/contracts.ts';

const sql: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  varchar: 'character varying',
  bool: 'boolean',
};

/** A built-in type by the catalog's name; `int8[]` is an array of it. */
export function columnType(name: string, changes: Partial<ColumnType> = {}): ColumnType {
  const isArray = name.endsWith('[]');
  const element = isArray ? name.slice(0, -2) : name;
  const written = `${sql[element] ?? element}${isArray ? '[]' : ''}`;
  return { sql: written, name: element, builtIn: true, kind: 'base', isArray, labels: [], ...changes };
}

export const enumType = (...labels: string[]): ColumnType => columnType('mood', { builtIn: false, kind: 'enum', labels });

const texts: ReadonlySet<string> = new Set(['text', 'varchar', 'bpchar']);

export function sideColumn(name: string, type: string | ColumnType, changes: Partial<SideColumn> = {}): SideColumn {
  const of = typeof type === 'string' ? columnType(type) : type;
  const order = texts.has(of.name) ? 'libc en_US.UTF-8' : undefined;
  return { name, type: of, nullable: false, readable: true, order, looseEquality: false, ...changes };
}

export function sideTable(name: string, columns: readonly SideColumn[], changes: Partial<SideTable> = {}): SideTable {
  const primaryKey = columns.length === 0 ? [] : [columns[0]!.name];
  return {
    ...{ schema: 'public', table: name, kind: 'table', encoding: 'UTF8', columns, uniqueKeys: [primaryKey], byteKeys: [], primaryKey },
    ...{ rowSecurity: false, bytes: 0 },
    ...changes,
  };
}

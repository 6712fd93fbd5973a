import { FarshoreError } from '../model/errors.ts';
import { misfit, type Travel, travelOf } from './column-types.ts';
import type { FieldShape } from './contracts.ts';
import { alterTableText } from './create-table.ts';
import type { TableDescription } from './dependencies.ts';
import { type VersionKind, versionKindOf } from './source-version.ts';
import { quoteName, quoteTable, type TableEntry, type TableName, tableNameOf, tableText } from './table-entry.ts';

/** Column that carries a row's version (CORRECTNESS C1). */
export const VERSION_COLUMN = 'farshore_version';

export interface KeyColumn {
  readonly column: string;
  readonly field: string;
  /** As the database describes it. */
  readonly type: string;
  readonly travel: Travel;
}

/** What a table's rows are found by; all that a delete needs. */
export interface TableKey {
  readonly table: TableName;
  /** `public.invoices`. */
  readonly name: string;
  readonly key: readonly KeyColumn[];
  /** Whether the entry orders by source fields: then tombstones of null values compare by log order only. */
  readonly hasSource: boolean;
}

/** How records of one writer schema become rows of a table. */
export interface TableMapping extends TableKey {
  readonly columns: readonly KeyColumn[];
  /** Indexes into `columns`, in key order. */
  readonly keyIndexes: readonly number[];
  readonly version: readonly { readonly field: string; readonly kind: VersionKind }[];
  /** Version fields of the entry that this schema does not have: the lowest for its records (C2). */
  readonly absentVersion: readonly string[];
}

export type Mapped<T> =
  | { readonly kind: 'mapped'; readonly mapping: T }
  | { readonly kind: 'problems'; readonly problems: readonly FarshoreError[] };

const problem = (
  code: 'table_missing' | 'table_mismatch' | 'table_unmappable' | 'database_denied',
  table: string,
  message: string,
  hint: string,
) => new FarshoreError(code, message, { place: `table ${table}`, hint });

/** The key of a topic's table, without any schema. */
export function mapKey(entry: TableEntry, table: TableDescription | undefined): Mapped<TableKey> {
  const name = tableNameOf(entry);
  const text = tableText(name);
  if (table === undefined) {
    const hint = 'Create it, or set `apply.schema: create`.';
    return { kind: 'problems', problems: [problem('table_missing', text, `Table ${text} does not exist`, hint)] };
  }
  const problems: FarshoreError[] = [];
  const columns = entry.key === undefined || entry.key.length === 0 ? table.primaryKey : entry.key;
  if (columns.length === 0) {
    problems.push(
      problem('table_unmappable', text, 'The table has no primary key', 'Name the key columns in `key`, and give them a unique index.'),
    );
  }
  const found = columns.map((column) => ({ column, description: table.columns.find((c) => c.name === column) }));
  for (const { column, description } of found) {
    if (description !== undefined) continue;
    problems.push(problem('table_unmappable', text, `Key column ${column} is not in the table`, 'Mend `key` of the table entry.'));
  }
  if (columns.length > 0 && problems.length === 0 && !isUnique(table, columns)) {
    problems.push(
      problem(
        'table_unmappable',
        text,
        `The key (${columns.join(', ')}) is neither the primary key nor a unique index that can be a conflict target`,
        `create unique index concurrently on ${quoteTable(name)} (${columns.map(quoteName).join(', ')});`,
      ),
    );
  }
  if (problems.length > 0) return { kind: 'problems', problems };
  const key = found.map(({ column, description }) => {
    const type = description!.type;
    return { column, field: entry.columns?.[column] ?? column, type, travel: travelOf(type, { avro: 'string', logical: undefined }) };
  });
  return { kind: 'mapped', mapping: { table: name, name: text, key, hasSource: (entry.version?.length ?? 0) > 0 } };
}

const isUnique = (table: TableDescription, columns: readonly string[]): boolean => {
  const same = (other: readonly string[]) => other.length === columns.length && columns.every((column) => other.includes(column));
  return table.uniqueIndexes.some((index) => index.usableAsKey && same(index.columns));
};

/** The mapping of one writer schema onto a table, or everything that is wrong with it. */
export function mapTable(entry: TableEntry, fields: readonly FieldShape[], table: TableDescription | undefined): Mapped<TableMapping> {
  const keyed = mapKey(entry, table);
  if (table === undefined) return keyed as Mapped<TableMapping>;
  const text = tableText(table);
  const problems: FarshoreError[] = keyed.kind === 'problems' ? [...keyed.problems] : [];
  if (table.kind !== 'table' && table.kind !== 'partitioned') {
    problems.push(problem('table_unmappable', text, `${text} is a ${table.kind}, not a table`, 'Name a table in the entry.'));
  }
  const missing = (['select', 'insert', 'update', 'delete'] as const).filter((right) => !table.rights.includes(right));
  if (missing.length > 0) {
    problems.push(
      problem(
        'database_denied',
        text,
        `Rights are missing: ${missing.join(', ')}`,
        `grant ${missing.join(', ')} on ${quoteTable(table)} to ROLE;`,
      ),
    );
  }
  if (table.rowSecurity) {
    problems.push(
      problem(
        'table_unmappable',
        text,
        'Row-level security may hide rows from the version guard',
        'Give the role BYPASSRLS or exempt it on this table.',
      ),
    );
  }
  const columns = mapColumns(entry, fields, table, problems);
  const key = entry.key === undefined || entry.key.length === 0 ? table.primaryKey : entry.key;
  for (const column of key) {
    if (columns.some((c) => c.column === column) || keyed.kind === 'problems') continue;
    const field = entry.columns?.[column] ?? column;
    problems.push(
      problem(
        'table_unmappable',
        text,
        `Key column ${column} has no field ${field} in the schema`,
        'Mend `key` or `columns` of the entry.',
      ),
    );
  }
  const { version, absent } = mapVersion(entry, fields, text, problems);
  if (problems.length > 0 || keyed.kind === 'problems') return { kind: 'problems', problems };
  const keyIndexes = key.map((column) => columns.findIndex((c) => c.column === column));
  return { kind: 'mapped', mapping: { ...keyed.mapping, columns, keyIndexes, version, absentVersion: absent } };
}

function mapColumns(
  entry: TableEntry,
  fields: readonly FieldShape[],
  table: TableDescription,
  problems: FarshoreError[],
): readonly KeyColumn[] {
  const text = tableText(table);
  const renamed = new Map(Object.entries(entry.columns ?? {}).map(([column, field]) => [field, column]));
  const columns: KeyColumn[] = [];
  const absent: { readonly field: FieldShape; readonly column: string }[] = [];
  for (const [column] of Object.entries(entry.columns ?? {})) {
    if (table.columns.some((c) => c.name === column)) continue;
    problems.push(
      problem('table_unmappable', text, `Column ${column} named in \`columns\` is not in the table`, 'Mend `columns` of the entry.'),
    );
  }
  for (const field of fields) {
    const column = renamed.get(field.name) ?? field.name;
    const description = table.columns.find((c) => c.name === column);
    if (description === undefined) {
      if (!renamed.has(field.name)) absent.push({ field, column });
      continue;
    }
    if (description.generated !== 'no' || description.identity === 'always') {
      const hint = `alter table ${quoteTable(table)} alter column ${quoteName(column)} ${description.identity === 'always' ? 'drop identity' : 'drop expression'};`;
      problems.push(problem('table_mismatch', text, `Column ${column} is generated by the database and cannot be written`, hint));
      continue;
    }
    const why = misfit(description.type, field);
    if (why !== undefined)
      problems.push(problem('table_mismatch', text, `Column ${column}: ${why}`, alterTableText(table, 'type', column, field)));
    columns.push({ column, field: field.name, type: description.type, travel: travelOf(description.type, field) });
  }
  // A field without a column would be lost without a word.
  for (const { field, column } of absent) {
    problems.push(
      problem('table_mismatch', text, `Field ${field.name} has no column in the table`, alterTableText(table, 'add', column, field)),
    );
  }
  for (const { name, nullable, hasDefault, generated } of table.columns) {
    if (nullable || hasDefault || generated !== 'no' || columns.some((c) => c.column === name)) continue;
    problems.push(
      problem(
        'table_mismatch',
        text,
        `Column ${name} is NOT NULL without a default, and no field fills it`,
        `alter table ${quoteTable(table)} alter column ${quoteName(name)} drop not null;`,
      ),
    );
  }
  const version = table.columns.find((c) => c.name === VERSION_COLUMN);
  if (version?.type !== 'bytea') {
    const hint =
      version === undefined
        ? `alter table ${quoteTable(table)} add column ${VERSION_COLUMN} bytea;`
        : `alter table ${quoteTable(table)} drop column ${VERSION_COLUMN}, add column ${VERSION_COLUMN} bytea;`;
    problems.push(problem('table_mismatch', text, `The table has no column ${VERSION_COLUMN} of type bytea`, hint));
  }
  return columns;
}

function mapVersion(entry: TableEntry, fields: readonly FieldShape[], text: string, problems: FarshoreError[]) {
  const version: { readonly field: string; readonly kind: VersionKind }[] = [];
  const absent: string[] = [];
  for (const name of entry.version ?? []) {
    const field = fields.find((f) => f.name === name);
    if (field === undefined) {
      // Older writers may not have it. Its records are the lowest, and `check` names it against the newest schema.
      absent.push(name);
      version.push({ field: name, kind: 'integer' });
      continue;
    }
    const kind = versionKindOf(field);
    if (kind === undefined) {
      const message = `Field ${name} cannot be a version: ${field.logical ?? field.avro} has no order that a version keeps`;
      problems.push(problem('table_unmappable', text, message, 'Use a long, an int, a timestamp, a date or a string.'));
    } else {
      version.push({ field: name, kind });
    }
  }
  return { version, absent };
}

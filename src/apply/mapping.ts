import type { FarshoreError } from '../model/errors.ts';
import { quoteName, quoteTable, type TableName, tableText } from '../model/sql-name.ts';
import { travelOf } from './column-types.ts';
import type { TableDescription } from './dependencies.ts';
import { type EntryView, entryView, keyField, presetEntry, type SchemaShape } from './entry-view.ts';
import { FoldSizes } from './fold-sizes.ts';
import { keyOf, type MappedColumn, mapColumns } from './map-columns.ts';
import { mapVersion, type VersionField } from './map-version.ts';
import { problem } from './mapping-problems.ts';
import type { RowReader } from './row-reader.ts';
import { restoringColumn, type SoftDelete, softDeleteOf } from './soft-delete.ts';
import { type TableEntry, tableNameOf } from './table-entry.ts';
import { mapUnits, UNITS_COLUMN, type Units } from './units.ts';

/** Column that carries a row's version (CORRECTNESS C1). */
export const VERSION_COLUMN = 'farshore_version';

export type KeyColumn = MappedColumn;

/** What a table's rows are found by; all that a delete needs. */
export interface TableKey {
  readonly table: TableName;
  /** `public.invoices`. */
  readonly name: string;
  readonly key: readonly KeyColumn[];
  /** Whether the entry orders by source fields: then tombstones of null values compare by log order only. */
  readonly hasSource: boolean;
  readonly softDelete?: SoftDelete | undefined;
}

/** How records of one writer schema become rows of a table. */
export interface TableMapping extends TableKey {
  readonly columns: readonly KeyColumn[];
  /** Indexes into `columns`, in key order. */
  readonly keyIndexes: readonly number[];
  readonly version: readonly VersionField[];
  /** Version fields of the entry that this schema does not have: the lowest for its records (C2). */
  readonly absentVersion: readonly string[];
  /** What a record says of which rows; undefined: each is a state of one row, itself. */
  readonly events?: EntryView['events'];
  /** Set where a record may set a part of a row only. */
  readonly units?: Units | undefined;
  /** Fields that the entry does not allow, with their values left out. */
  readonly notAllowed: readonly string[];
  /** Reads records of the schema straight into columns; undefined where whole records are needed. */
  readonly reader?: RowReader | undefined;
  /** What its folds came to hold. */
  readonly sizes?: FoldSizes | undefined;
}

export type Mapped<T> =
  | { readonly kind: 'mapped'; readonly mapping: T }
  | { readonly kind: 'problems'; readonly problems: readonly FarshoreError[] };

/** The key of a topic's table, without any schema. */
export function mapKey(written: TableEntry, table: TableDescription | undefined): Mapped<TableKey> {
  const entry = presetEntry(written);
  const name = tableNameOf(entry);
  const text = tableText(name);
  if (table === undefined) {
    const hint = 'Create it, or set `apply.schema: create`.';
    return { kind: 'problems', problems: [problem('table_missing', text, `Table ${text} does not exist`, hint)] };
  }
  const problems: FarshoreError[] = [];
  const columns = keyOf({ entry }, table);
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
    const { type, base } = description!;
    const travel = travelOf(base ?? type, { avro: 'string', logical: undefined });
    return { column, field: keyField(entry, column), type, base, travel };
  });
  const softDelete = softDeleteOf({ entry }, table);
  if (softDelete !== undefined && 'why' in softDelete) {
    return { kind: 'problems', problems: [problem('table_unmappable', text, softDelete.why, 'Mend `softDelete` of the entry.')] };
  }
  return { kind: 'mapped', mapping: { table: name, name: text, key, hasSource: (entry.version?.length ?? 0) > 0, softDelete } };
}

const isUnique = (table: TableDescription, columns: readonly string[]): boolean => {
  const same = (other: readonly string[]) => other.length === columns.length && columns.every((column) => other.includes(column));
  return table.uniqueIndexes.some((index) => index.usableAsKey && same(index.columns));
};

/** The mapping of one writer schema onto a table, or everything that is wrong with it. */
export function mapTable(written: TableEntry, shape: SchemaShape, table: TableDescription | undefined): Mapped<TableMapping> {
  const view = entryView(written, shape);
  const keyed = mapKey(written, table);
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
  if (view.problem !== undefined) problems.push(problem('table_unmappable', text, view.problem, 'Mend `preset` of the entry.'));
  const mapped = view.problem === undefined ? mapColumns(view, table, problems) : { columns: [], notAllowed: [] };
  const softDelete = keyed.kind === 'mapped' ? keyed.mapping.softDelete : undefined;
  const restores = softDelete !== undefined && !mapped.columns.some(({ column }) => column === softDelete.column);
  const columns = restores ? [...mapped.columns, restoringColumn(softDelete, view.entry.preset)] : mapped.columns;
  checkUnfilled(table, columns, problems);
  const key = keyOf(view, table);
  for (const column of key) {
    if (columns.some((c) => c.column === column) || keyed.kind === 'problems' || view.problem !== undefined) continue;
    problems.push(
      problem(
        'table_unmappable',
        text,
        `Key column ${column} has no field ${keyField(view.entry, column)} in the schema`,
        'Mend `key` or `columns` of the entry.',
      ),
    );
  }
  const { version, absent } = mapVersion(view.entry.version ?? [], view, text, problems);
  const keyIndexes = key.map((column) => columns.findIndex((c) => c.column === column));
  const units = mapUnits(view, columns, keyIndexes, text, problems);
  checkStateColumn(table, VERSION_COLUMN, 'bytea', problems);
  if (units !== undefined) checkStateColumn(table, UNITS_COLUMN, 'jsonb', problems);
  if (problems.length > 0 || keyed.kind === 'problems') return { kind: 'problems', problems };
  const { notAllowed } = mapped;
  return {
    kind: 'mapped',
    mapping: {
      ...keyed.mapping,
      columns,
      keyIndexes,
      version,
      absentVersion: absent,
      events: view.events,
      units,
      notAllowed,
      sizes: new FoldSizes(),
    },
  };
}

function checkUnfilled(table: TableDescription, columns: readonly MappedColumn[], problems: FarshoreError[]): void {
  const text = tableText(table);
  for (const { name, nullable, hasDefault, generated } of table.columns) {
    if (nullable || hasDefault || generated !== 'no' || columns.some((c) => c.column === name)) continue;
    problems.push(
      problem(
        'table_mismatch',
        text,
        `Column ${name} is NOT NULL without a default, and no field fills it`,
        `alter table ${quoteTable(table)} alter column ${quoteName(name)} drop not null;`,
        { column: name },
      ),
    );
  }
}

function checkStateColumn(table: TableDescription, name: string, type: string, problems: FarshoreError[]): void {
  const found = table.columns.find((column) => column.name === name);
  if (found?.type === type) return;
  const add = `add column ${name} ${type}`;
  const hint = `alter table ${quoteTable(table)} ${found === undefined ? add : `drop column ${name}, ${add}`};`;
  problems.push(problem('table_mismatch', tableText(table), `The table has no column ${name} of type ${type}`, hint, { column: name }));
}

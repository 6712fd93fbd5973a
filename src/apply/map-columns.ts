import type { FarshoreError } from '../model/errors.ts';
import { quoteName, quoteTable, tableText } from '../model/sql-name.ts';
import { type Cast, castShape, castValue } from './casts.ts';
import { misfit, type Travel, travelOf } from './column-types.ts';
import type { DecodedRecord, DecodedValue, FieldShape } from './contracts.ts';
import { alterTableText } from './create-table.ts';
import type { TableDescription } from './dependencies.ts';
import { type EntryView, isSignal, pathReader, shapeAt } from './entry-view.ts';
import { columnProblem, problem } from './mapping-problems.ts';
import type { ColumnSource } from './table-entry.ts';

/** Exact JSON, for casts to text. */
export type Json = (value: DecodedValue) => string;

export interface MappedColumn {
  readonly column: string;
  /** Field of the row, a path into it, or empty for a constant or a document. */
  readonly field: string;
  /** As the database describes it. */
  readonly type: string;
  /** What a domain stands for; undefined where the type is none. */
  readonly base?: string | undefined;
  readonly travel: Travel;
  /** What a row takes where a record does not set the column, as SQL. */
  readonly default?: string | undefined;
  /** Undefined: the row's field as it is. Answers undefined for a field that the record does not set. */
  readonly read?: ((row: DecodedRecord, json: Json) => DecodedValue | undefined) | undefined;
}

export const columnInput = ({ field, read }: MappedColumn, row: DecodedRecord, json: Json): DecodedValue | undefined =>
  read === undefined ? row[field] : read(row, json);

type Column = TableDescription['columns'][number];
const isWritable = ({ generated, identity }: Column): boolean => generated === 'no' && identity !== 'always';

/** Which columns a row of the schema fills, and from what; whatever is wrong is added to `problems`. */
export function mapColumns(
  view: EntryView,
  table: TableDescription,
  problems: FarshoreError[],
): { readonly columns: readonly MappedColumn[]; readonly notAllowed: readonly string[] } {
  const { entry, fields } = view;
  const text = tableText(table);
  const columns: MappedColumn[] = [];
  const used = new Set<string>();
  const add = (
    description: Column,
    source: { readonly field: string; readonly shape: FieldShape; readonly read?: MappedColumn['read'] },
  ) => {
    if (!isWritable(description)) {
      problems.push(notWritable(table, description));
      return;
    }
    const { field, shape, read } = source;
    const { name: column, type, base, itemBase, default: initial } = description;
    const why = misfit(itemBase ?? base ?? type, shape);
    if (why !== undefined)
      problems.push(columnProblem(table, description.name, why, alterTableText(table, 'type', description.name, shape)));
    columns.push({
      ...{ column, field, type, base, travel: travelOf(base ?? type, shape) },
      ...(typeof initial === 'string' ? { default: initial } : {}),
      ...(read === undefined ? {} : { read }),
    });
  };
  for (const [column, source] of Object.entries(entry.columns ?? {})) {
    const description = table.columns.find(({ name }) => name === column);
    if (description === undefined) {
      // What a preset adds is taken where the table has it.
      if (view.loose && isDocument(source)) continue;
      problems.push(
        problem('table_unmappable', text, `Column ${column} named in \`columns\` is not in the table`, 'Mend `columns` of the entry.', {
          column,
        }),
      );
      continue;
    }
    const found = sourceOf(source, fields, description);
    if (found === undefined) continue;
    if ('why' in found) {
      problems.push(columnProblem(table, column, found.why, 'Mend `columns` of the entry.'));
      continue;
    }
    if (found.field !== '') used.add(found.field.split('.')[0]!);
    add(description, found);
  }
  const holdsAll = columns.some(({ field, column }) => field === '' && isDocument(entry.columns?.[column]));
  const needed = new Set([...(entry.version ?? []), ...columns.map(({ field }) => field)]);
  const notAllowed: string[] = [];
  for (const field of fields) {
    const { name } = field;
    if (used.has(name) || entry.ignore?.includes(name) === true || isSignal(view, name)) continue;
    const names = view.columnsFor(name);
    const description = names.map((column) => table.columns.find((one) => one.name === column)).find((one) => one !== undefined);
    const isKey = description !== undefined && keyOf(view, table).includes(description.name);
    if (entry.allow !== undefined && !entry.allow.includes(name) && !isKey) {
      if (!needed.has(name)) notAllowed.push(name);
      continue;
    }
    if (description !== undefined && entry.columns?.[description.name] === undefined) {
      add(description, { field: name, shape: field });
      continue;
    }
    // A field without a column would be lost without a word.
    if (holdsAll || view.loose) continue;
    const column = names[0]!;
    const hint = alterTableText(table, 'add', column, field);
    problems.push(problem('table_mismatch', text, `Field ${name} has no column in the table`, hint, { field: name }));
  }
  return { columns, notAllowed };
}

export const keyOf = ({ entry }: Pick<EntryView, 'entry'>, table: TableDescription): readonly string[] =>
  entry.key === undefined || entry.key.length === 0 ? table.primaryKey : entry.key;

const isDocument = (source: ColumnSource | undefined): boolean => typeof source === 'object' && 'document' in source;

type Found = { readonly field: string; readonly shape: FieldShape; readonly read?: MappedColumn['read'] } | { readonly why: string };

const bare = { name: '', logical: undefined, precision: undefined, scale: undefined, nullable: true, doc: undefined };

/** Undefined for a field that this schema does not have: an older writer's. */
function sourceOf(source: ColumnSource, fields: readonly FieldShape[], { name: column }: Column): Found | undefined {
  if (typeof source === 'object' && 'document' in source) return { field: '', shape: { ...bare, avro: 'record' }, read: (row) => row };
  // As text, which the server reads as the column's type.
  if (typeof source === 'object' && 'value' in source) {
    const value = source.value === null ? null : String(source.value);
    return { field: '', shape: { ...bare, avro: 'string' }, read: () => value };
  }
  const { field, cast } = typeof source === 'string' ? { field: source, cast: undefined } : source;
  const shape = shapeAt(fields, field);
  if (shape === undefined) return undefined;
  const isPath = field.includes('.');
  const path = pathReader(field);
  if (cast === undefined) return isPath ? { field, shape, read: (row) => absentAsNull(path(row), isPath) } : { field, shape };
  const after = castShape(cast, shape);
  if ('why' in after) return after;
  return { field, shape: after, read: (row, json) => castValue(cast as Cast, absentAsNull(path(row), isPath), column, json) };
}

// Inside a record that is there, or null, what is not there is null.
const absentAsNull = (value: DecodedValue | undefined, isPath: boolean): DecodedValue | undefined =>
  value === undefined && isPath ? null : value;

function notWritable(table: TableDescription, { name, identity }: Column): FarshoreError {
  const change = identity === 'always' ? 'drop identity' : 'drop expression';
  const hint = `alter table ${quoteTable(table)} alter column ${quoteName(name)} ${change};`;
  return problem('table_mismatch', tableText(table), `Column ${name} is generated by the database and cannot be written`, hint, {
    column: name,
  });
}

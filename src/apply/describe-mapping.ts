import { type FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { AttributeView, MappingView, ProblemView } from '../model/schema-view.ts';
import type { FieldShape } from './contracts.ts';
import type { ApplySettings, TableDescription } from './dependencies.ts';
import { describeColumns } from './describe-columns.ts';
import { type EntryView, entryView, isSignal, type SchemaShape, shapeAt } from './entry-view.ts';
import { keyOf, type MappedColumn, mapColumns } from './map-columns.ts';
import { mapTable } from './mapping.ts';
import { plannedTable } from './planned-table.ts';
import type { ColumnSource, TableEntry } from './table-entry.ts';

/** What one writer schema makes of a table: each field, each column, and all that stops it. Judged by the mapping itself. */
export function describeMapping(
  written: TableEntry,
  shape: SchemaShape,
  table: TableDescription | undefined,
  mode: ApplySettings['schema'],
): Pick<MappingView, 'schema' | 'record' | 'attributes' | 'unfilled' | 'problems'> {
  const view = entryView(written, shape);
  const names = { schema: shape.ref ?? null, record: shape.recordName ?? null };
  let planned: ReturnType<typeof plannedTable>;
  try {
    planned = plannedTable(written, shape, table, mode);
  } catch (error) {
    // What a schema cannot be given a table or a column for is refused at its first record too.
    const known = findFarshoreError(error);
    if (known === undefined) throw error;
    const attributes = view.fields.map((field) => attribute(view, undefined, field.name, field, { state: 'no_column' }));
    return { ...names, attributes, unfilled: [], problems: [problemView(known)] };
  }
  const { table: seen, added } = planned;
  const mapped = mapTable(written, shape, seen);
  const problems = mapped.kind === 'problems' ? mapped.problems : [];
  if (seen === undefined || view.problem !== undefined) {
    const attributes = view.fields.map((field) => attribute(view, undefined, field.name, field, { state: 'no_column' }));
    return { ...names, attributes, unfilled: [], problems: problems.map(problemView) };
  }
  const { columns, notAllowed } = mapColumns(view, seen, []);
  const found: Found = { view, table: seen, columns, notAllowed: new Set(notAllowed), problems, added };
  const named = Object.entries(view.entry.columns ?? {}).flatMap(([column, source]) => ofNamedColumn(found, column, source));
  const used = new Set(named.flatMap(({ field, state }) => (field === null || state === 'absent' ? [] : [field.split('.')[0]!])));
  const byName = view.fields.filter(({ name }) => !used.has(name)).map((field) => ofField(found, field));
  const all = [...named, ...byName];
  return {
    ...names,
    attributes: inSchemaOrder(view, [...all, ...besideTheRow(found, all), ...deleteMark(found, all)]),
    unfilled: describeColumns(seen, columns, added, (column) => problemOf(problems, { column })),
    problems: problems.map(problemView),
  };
}

interface Found {
  readonly view: EntryView;
  readonly table: TableDescription;
  readonly columns: readonly MappedColumn[];
  readonly notAllowed: ReadonlySet<string>;
  readonly problems: readonly FarshoreError[];
  /** Columns that are not there yet, and that Farshore makes. */
  readonly added: ReadonlySet<string>;
}

export const problemView = ({ code, message, hint }: FarshoreError): ProblemView => ({ code, message, hint: hint ?? null });

const problemOf = (problems: readonly FarshoreError[], of: { readonly column?: string; readonly field?: string }): ProblemView | null => {
  const found = problems.find(
    ({ facts }) => (of.column !== undefined && facts.column === of.column) || (of.field !== undefined && facts.field === of.field),
  );
  return found === undefined ? null : problemView(found);
};

const typeText = ({ avro, logical, precision, scale }: FieldShape): string => {
  if (logical === undefined) return avro;
  return logical === 'decimal' && precision !== undefined ? `${avro} (decimal ${precision},${scale ?? 0})` : `${avro} (${logical})`;
};

/** A column that the entry names, with the source it names for it. */
function ofNamedColumn(found: Found, column: string, source: ColumnSource): readonly AttributeView[] {
  const { view, columns, problems, table, added } = found;
  const description = table.columns.find(({ name }) => name === column);
  const problem = problemOf(problems, { column });
  const path = typeof source === 'string' ? source : 'field' in source ? source.field : undefined;
  const shape = path === undefined ? undefined : shapeAt(view.fields, path);
  // What a preset adds is taken where the table has it.
  if (description === undefined && problem === null) return [];
  const fills = columns.some((one) => one.column === column);
  const state = (): AttributeView['state'] => {
    if (description === undefined) return 'no_column';
    if (path !== undefined && shape === undefined) return 'absent';
    if (problem !== null) return fills ? 'type_differs' : 'unusable';
    return added.has(column) ? 'added' : 'ok';
  };
  const cast = typeof source === 'object' && 'cast' in source ? (source.cast ?? null) : null;
  const kind = path !== undefined ? 'field' : typeof source === 'object' && 'document' in source ? 'document' : 'value';
  return [
    {
      ...attribute(view, table, path ?? null, shape, { state: state(), column, columnType: description?.type ?? null, problem }),
      cast,
      source: kind,
    },
  ];
}

function ofField(found: Found, field: FieldShape): AttributeView {
  const { view, table, columns, notAllowed, problems, added } = found;
  const { name } = field;
  const filled = columns.find((one) => one.field === name && one.read === undefined && view.entry.columns?.[one.column] === undefined);
  if (filled !== undefined) {
    const problem = problemOf(problems, { column: filled.column });
    const state = problem !== null ? 'type_differs' : added.has(filled.column) ? 'added' : 'ok';
    return attribute(view, table, name, field, { state, column: filled.column, columnType: filled.type, problem });
  }
  const bare = (state: AttributeView['state']) => attribute(view, table, name, field, { state });
  if (view.entry.ignore?.includes(name) === true) return bare('ignored');
  if (isSignal(view, name)) return bare('signal');
  if (notAllowed.has(name)) return bare('not_allowed');
  // A version that is not allowed still orders the states.
  if (view.entry.allow?.includes(name) === false && view.entry.version?.includes(name) === true) return bare('version');
  const lacking = problemOf(problems, { field: name });
  if (lacking !== null)
    return attribute(view, table, name, field, { state: 'no_column', column: view.columnsFor(name)[0]!, problem: lacking });
  // The column is there and cannot be written.
  const there = view.columnsFor(name).find((column) => table.columns.some((one) => one.name === column));
  const problem = there === undefined ? null : problemOf(problems, { column: there });
  if (there === undefined || problem === null) return bare('in_document');
  const columnType = table.columns.find((one) => one.name === there)!.type;
  return attribute(view, table, name, field, { state: 'no_column', column: there, columnType, problem });
}

/** Version fields that stand beside the row in the record, and nested ones. */
function besideTheRow({ view, table, problems }: Found, known: readonly AttributeView[]): readonly AttributeView[] {
  const names = [...(view.entry.version ?? []), ...Object.values(view.entry.groups ?? {}).map(({ version }) => version)];
  return [...new Set(names)]
    .filter((name) => !known.some(({ field }) => field === name))
    .map((name) => {
      const shape = shapeAt(view.fields, name) ?? (view.outer === undefined ? undefined : shapeAt(view.outer, name));
      const problem = problemOf(problems, { field: name });
      const state = shape === undefined ? 'absent' : problem === null ? 'version' : 'unusable';
      return attribute(view, table, name, shape, { state, problem });
    });
}

function deleteMark({ view, columns, table }: Found, known: readonly AttributeView[]): readonly AttributeView[] {
  const mark =
    columns.length === 0 ? undefined : (view.entry.softDelete ?? (view.entry.preset === 'dionysus' ? 'synced_deleted_at' : undefined));
  const description = table.columns.find(({ name }) => name === mark);
  if (mark === undefined || description === undefined || known.some(({ column }) => column === mark)) return [];
  return [
    { ...attribute(view, table, null, undefined, { state: 'ok', column: mark, columnType: description.type }), source: 'delete_mark' },
  ];
}

function attribute(
  view: EntryView,
  table: TableDescription | undefined,
  field: string | null,
  shape: FieldShape | undefined,
  { state, column = null, columnType = null, problem = null }: Pick<AttributeView, 'state'> & Partial<AttributeView>,
): AttributeView {
  return {
    field,
    source: 'field',
    type: shape === undefined ? null : typeText(shape),
    nullable: shape?.nullable ?? false,
    doc: shape?.doc ?? null,
    column,
    columnType,
    cast: null,
    allowed: state !== 'not_allowed' && state !== 'ignored' && state !== 'signal' && !(state === 'version' && isLeftOut(view, field)),
    roles: rolesOf(view, table, field, column),
    state,
    problem,
  };
}

const isLeftOut = ({ entry }: EntryView, field: string | null): boolean =>
  field !== null && entry.allow !== undefined && !entry.allow.includes(field.split('.')[0]!);

function rolesOf(view: EntryView, table: TableDescription | undefined, field: string | null, column: string | null): readonly string[] {
  const { entry } = view;
  const key = table === undefined ? (entry.key ?? []) : keyOf(view, table);
  const roles = column !== null && key.includes(column) ? ['key'] : [];
  if (field === null) return roles;
  if (entry.version?.includes(field) === true) roles.push('version');
  for (const [name, { fields, version }] of Object.entries(entry.groups ?? {})) {
    if (fields.includes(field)) roles.push(`group ${name}`);
    if (version === field) roles.push(`version of group ${name}`);
  }
  return roles;
}

/** As the schema writes them; what is no field's comes last. */
function inSchemaOrder(view: EntryView, attributes: readonly AttributeView[]): readonly AttributeView[] {
  const place = ({ field }: AttributeView): number => {
    const index = field === null ? -1 : view.fields.findIndex(({ name }) => name === field.split('.')[0]);
    return index === -1 ? view.fields.length : index;
  };
  return attributes.toSorted((a, b) => place(a) - place(b));
}

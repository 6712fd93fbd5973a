import type { DecodedRecord, DecodedValue, FieldShape } from './contracts.ts';
import type { ColumnSource, PartialEntry, TableEntry } from './table-entry.ts';

/** What a record says of one row. */
export interface RowEvent {
  readonly kind: 'state' | 'delete';
  readonly row: DecodedRecord;
  /** The whole record: versions may stand beside the row. */
  readonly record: DecodedRecord;
}

/** A table entry with what its preset adds, seen against one schema or, for keys alone, against none. */
export interface EntryView {
  readonly entry: TableEntry;
  /** Fields of the row. */
  readonly fields: readonly FieldShape[];
  /** Fields of the whole record, where the row is a part of it. */
  readonly outer: readonly FieldShape[] | undefined;
  /** Column names tried for a field, in this order. */
  readonly columnsFor: (field: string) => readonly string[];
  /** Fields need no column: the document holds them. */
  readonly loose: boolean;
  /** Undefined: every record is one state, itself. */
  readonly events: ((record: DecodedRecord) => readonly RowEvent[]) | undefined;
  readonly partial: PartialEntry | undefined;
  /** What the schema lacks for the preset. */
  readonly problem: string | undefined;
}

/** A schema as a mapping looks at it. */
export interface SchemaShape {
  readonly ref?: string | undefined;
  readonly recordName?: string | undefined;
  readonly fields: readonly FieldShape[];
}

/** False where records of the schema are not for this entry at all. */
export const takesSchema = ({ only }: TableEntry, { recordName }: SchemaShape): boolean =>
  only === undefined || !('record' in only) || isNamed(recordName, only.record);

export function entryView(entry: TableEntry, shape: SchemaShape): EntryView {
  const { only } = entry;
  const takes = only === undefined || 'record' in only ? undefined : fieldTest(only);
  if (entry.preset === 'debezium') return debezium(entry, shape, takes);
  if (entry.preset === 'dionysus') return dionysus(entry, shape, takes);
  return plain(entry, shape, takes);
}

/** Also by the last part of a full name. */
const isNamed = (full: string | undefined, name: string): boolean => full === name || full?.endsWith(`.${name}`) === true;

type Test = (record: DecodedRecord) => boolean;

function fieldTest({ field, in: values }: { readonly field: string; readonly in: readonly (string | number | boolean)[] }): Test {
  const read = pathReader(field);
  // Longs come as number or bigint.
  const wanted = new Set(values.map(String));
  return (record) => {
    const value = read(record);
    return value !== null && value !== undefined && typeof value !== 'object' && wanted.has(String(value));
  };
}

/** Reads `a.b.c`; undefined where a record on the way is null or not there. */
export function pathReader(path: string): (record: DecodedRecord) => DecodedValue | undefined {
  const parts = path.split('.');
  const [only] = parts;
  // `constructor` is a name like any other, and every object has one.
  if (parts.length === 1) return (record) => (Object.hasOwn(record, only!) ? record[only!] : undefined);
  return (record) => {
    let value: DecodedValue | undefined = record;
    for (const part of parts) {
      if (!isRecord(value)) return undefined;
      value = Object.hasOwn(value, part) ? value[part] : undefined;
    }
    return value;
  };
}

export const isRecord = (value: DecodedValue | undefined): value is DecodedRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);

/** The shape at the end of a path; nullable where anything on the way is. */
export function shapeAt(fields: readonly FieldShape[], path: string): FieldShape | undefined {
  let inner: readonly FieldShape[] | undefined = fields;
  let found: FieldShape | undefined;
  let nullable = false;
  for (const part of path.split('.')) {
    found = inner?.find(({ name }) => name === part);
    if (found === undefined) return undefined;
    nullable ||= found.nullable;
    inner = found.avro === 'record' ? found.fields : undefined;
  }
  return found === undefined || found.nullable === nullable ? found : { ...found, nullable };
}

const sameName = (field: string): readonly string[] => [field];

function plain(entry: TableEntry, { fields }: SchemaShape, takes: Test | undefined): EntryView {
  const deletes = entry.deleteWhen === undefined ? undefined : fieldTest(entry.deleteWhen);
  const events =
    takes === undefined && deletes === undefined
      ? undefined
      : (record: DecodedRecord): readonly RowEvent[] =>
          takes?.(record) === false ? [] : [{ kind: deletes?.(record) === true ? 'delete' : 'state', row: record, record }];
  return { entry, fields, outer: undefined, columnsFor: sameName, loose: false, events, partial: entry.partial, problem: undefined };
}

/** Debezium's own text for a value that the database did not send (TOAST). */
const UNAVAILABLE = '__debezium_unavailable_value';

/** Envelope `before`, `after`, `op`: c, r and u are states, d deletes; t (truncate) and m (message) are of no row. */
function debezium(entry: TableEntry, { fields }: SchemaShape, takes: Test | undefined): EntryView {
  const after = fields.find(({ name }) => name === 'after');
  const known = after?.fields !== undefined && fields.some(({ name }) => name === 'op');
  const events = (record: DecodedRecord): readonly RowEvent[] => {
    if (takes?.(record) === false) return [];
    const { op, before, after: state } = record;
    if (op === 'd') return isRecord(before) ? [{ kind: 'delete', row: before, record }] : [];
    return (op === 'c' || op === 'u' || op === 'r') && isRecord(state) ? [{ kind: 'state', row: state, record }] : [];
  };
  return {
    entry,
    fields: after?.fields ?? [],
    outer: fields,
    columnsFor: sameName,
    loose: false,
    events,
    partial: entry.partial ?? { placeholder: UNAVAILABLE },
    problem: known ? undefined : 'preset debezium: the schema has no record field `after` beside `op`',
  };
}

/** Events `<model>_created | _updated | _destroyed` in `event`, the model or an array of models in `data`. */
function dionysus(entry: TableEntry, { fields }: SchemaShape, takes: Test | undefined): EntryView {
  const data = fields.find(({ name }) => name === 'data');
  const events = (record: DecodedRecord): readonly RowEvent[] => {
    const { event, data: payload } = record;
    if (takes?.(record) === false || typeof event !== 'string') return [];
    const what = /_(created|updated|destroyed)$/.exec(event)?.[1];
    if (what === undefined) return [];
    const rows = (Array.isArray(payload) ? payload : [payload]).filter(isRecord);
    return rows.map((row) => ({ kind: what === 'destroyed' ? 'delete' : 'state', row, record }));
  };
  const filled: TableEntry = {
    ...entry,
    key: entry.key ?? ['synced_id'],
    version: entry.version ?? ['updated_at'],
    columns: { synced_data: { document: true }, ...entry.columns },
  };
  return {
    entry: filled,
    fields: data?.fields ?? [],
    outer: fields,
    columnsFor: (field) => [`synced_${field}`, field],
    loose: true,
    events,
    partial: entry.partial,
    problem: data?.fields === undefined ? 'preset dionysus: the schema has no record, or array of records, in field `data`' : undefined,
  };
}

/** The entry with its preset's defaults, for what is known without a schema. */
export const presetEntry = (entry: TableEntry): TableEntry =>
  entry.preset === 'dionysus' ? dionysus(entry, { fields: [] }, undefined).entry : entry;

/** The field that a key column is read from, where it is one. */
export function keyField(entry: TableEntry, column: string): string {
  const source: ColumnSource | undefined = entry.columns?.[column];
  if (typeof source === 'string') return source;
  if (source !== undefined && 'field' in source) return source.field;
  return entry.preset === 'dionysus' && column.startsWith('synced_') ? column.slice('synced_'.length) : column;
}

/** Fields that say what the record is, not what the row holds: no column is missed for them. */
export function isSignal({ entry: { only, deleteWhen }, partial }: EntryView, name: string): boolean {
  if (only !== undefined && 'field' in only && only.field === name) return true;
  if (deleteWhen?.field === name) return true;
  if (partial === undefined) return false;
  return ('mask' in partial && partial.mask === name) || ('nulls' in partial && partial.cleared === name);
}

import type { FarshoreError } from '../model/errors.ts';
import type { DecodedRecord, DecodedValue } from './contracts.ts';
import type { EntryView } from './entry-view.ts';
import type { MappedColumn } from './map-columns.ts';
import { mapVersion, type VersionField } from './map-version.ts';
import { problem } from './mapping-problems.ts';
import type { PartialEntry } from './table-entry.ts';

/** Column that carries the versions of a row's units, where they differ from the row's own. */
export const UNITS_COLUMN = 'farshore_units';

/**
 * What moves on its own: a column, by the version of the record that set it, or a group of columns, by a version field of
 * its own. A late record then sets what nobody set since, and nothing else; with one version a row it would be skipped as a whole, and
 * what only it held would be lost:
 *
 *     version 5 sets email · version 3 comes late and sets name   → both stand
 */
export interface Unit {
  /** The column, or `@group`. */
  readonly name: string;
  readonly columns: readonly number[];
  /** Of a group; undefined: the record's version. */
  readonly version: VersionField | undefined;
}

export interface Units {
  readonly list: readonly Unit[];
  readonly hasGroups: boolean;
  readonly unknownRow: 'insert' | 'park' | 'reject';
  /** Which fields this record sets. */
  readonly setFields: (row: DecodedRecord, record: DecodedRecord) => IsSet;
}

/** `value` is what the column would take. */
export type IsSet = (field: string, value: DecodedValue | undefined) => boolean;

/** Undefined where every record sets the whole row under one version. */
export function mapUnits(
  view: EntryView,
  columns: readonly MappedColumn[],
  keyIndexes: readonly number[],
  text: string,
  problems: FarshoreError[],
): Units | undefined {
  const { entry, partial, fields } = view;
  const groups = Object.entries(entry.groups ?? {});
  const absent = fields.find(({ mayBeAbsent }) => mayBeAbsent === true);
  if (absent !== undefined && (partial === undefined || !('absent' in partial))) {
    const message = `Field ${absent.name} may be \`Absent\`, and the entry does not say that its records are partial`;
    problems.push(problem('table_unmappable', text, message, 'Set `partial: { absent: true }` in the entry.'));
  }
  if (partial === undefined && groups.length === 0) return undefined;
  if (partial !== undefined && 'mask' in partial) checkNames(view, partial.mask, 'partial.mask', text, problems);
  if (partial !== undefined && 'nulls' in partial && partial.cleared !== undefined) {
    checkNames(view, partial.cleared, 'partial.cleared', text, problems);
  }
  const list: Unit[] = [];
  const grouped = new Set<number>();
  for (const [name, { fields: members, version }] of groups) {
    const indexes = columns.flatMap(({ field }, index) => (members.includes(field) ? [index] : []));
    for (const index of indexes) {
      if (grouped.has(index) || keyIndexes.includes(index)) {
        const what = `Field ${columns[index]!.field} of group ${name} is ${grouped.has(index) ? 'in another group too' : 'part of the key'}`;
        problems.push(problem('table_unmappable', text, what, 'Mend `groups` of the entry.'));
      }
      grouped.add(index);
    }
    const { version: found, absent: missing } = mapVersion([version], view, text, problems);
    // An older writer's schema may have none of it: then its records do not move the group.
    if (missing.length === 0 && found[0] !== undefined && indexes.length > 0) {
      list.push({ name: `@${name}`, columns: indexes, version: found[0] });
    }
  }
  for (const [index, { column }] of columns.entries()) {
    if (!grouped.has(index) && !keyIndexes.includes(index)) list.push({ name: column, columns: [index], version: undefined });
  }
  return {
    list,
    hasGroups: groups.length > 0,
    unknownRow: partial?.unknownRow ?? 'insert',
    setFields: partial === undefined ? () => always : setFields(partial),
  };
}

function checkNames(view: EntryView, name: string, where: string, text: string, problems: FarshoreError[]): void {
  const field = view.fields.find((one) => one.name === name) ?? view.outer?.find((one) => one.name === name);
  if (field?.avro === 'array') return;
  const why = field === undefined ? 'is not in the schema' : `is ${field.avro}, not an array of field names`;
  problems.push(problem('table_unmappable', text, `Field ${name} of \`${where}\` ${why}`, 'Mend `partial` of the entry.'));
}

const always: IsSet = (_field, value) => value !== undefined;

function setFields(partial: PartialEntry): Units['setFields'] {
  if ('mask' in partial) {
    return (row, record) => {
      const names = namesIn(row[partial.mask] ?? record[partial.mask]);
      // Without a mask the record sets everything it has.
      return names === undefined ? always : (field, value) => field === '' || (value !== undefined && names.has(topOf(field)));
    };
  }
  if ('nulls' in partial) {
    const { cleared } = partial;
    return (row, record) => {
      const names = cleared === undefined ? undefined : namesIn(row[cleared] ?? record[cleared]);
      return (field, value) => field === '' || (value !== undefined && (value !== null || names?.has(topOf(field)) === true));
    };
  }
  if ('placeholder' in partial) {
    const isPlaceholder = placeholderTest(partial.placeholder);
    // A column that takes the field as JSON has its text in `value`.
    return (row) => (field, value) => value !== undefined && !isPlaceholder(value) && !isPlaceholder(row[field]);
  }
  return () => always;
}

/**
 * A producer that cannot leave a field out puts the placeholder into whatever type the field has. Debezium (3.x, UnchangedToastedPlaceholder): text and
 * bytes as they are; arrays of these hold it alone; arrays of whole numbers hold its bytes, one a number; maps have it as their one key and value.
 */
function placeholderTest(placeholder: string): (value: DecodedValue | undefined) => boolean {
  const bytes = Buffer.from(placeholder);
  const isText = (value: DecodedValue | undefined) => value === placeholder || (Buffer.isBuffer(value) && value.equals(bytes));
  const isBytes = (items: readonly DecodedValue[]) => items.length === bytes.length && items.every((item, i) => Number(item) === bytes[i]);
  return (value) => {
    if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return isText(value);
    if (Array.isArray(value)) return (value.length === 1 && isText(value[0])) || isBytes(value);
    const entries = Object.entries(value);
    return entries.length === 1 && entries[0]![0] === placeholder && isText(entries[0]![1]);
  };
}

const topOf = (field: string): string => (field.includes('.') ? field.slice(0, field.indexOf('.')) : field);

const namesIn = (value: DecodedValue | undefined): ReadonlySet<unknown> | undefined => (Array.isArray(value) ? new Set(value) : undefined);

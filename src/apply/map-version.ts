import type { FarshoreError } from '../model/errors.ts';
import type { DecodedRecord, DecodedValue, FieldShape } from './contracts.ts';
import { type EntryView, pathReader, shapeAt } from './entry-view.ts';
import { problem } from './mapping-problems.ts';
import { type VersionKind, versionKindOf } from './source-version.ts';

export interface VersionField {
  readonly field: string;
  readonly kind: VersionKind;
  /** Undefined: the row's field of that name. */
  readonly read?: ((row: DecodedRecord, record: DecodedRecord) => DecodedValue | undefined) | undefined;
}

/** The fields that order states, looked for in the row and then beside it. */
export function mapVersion(names: readonly string[], view: EntryView, text: string, problems: FarshoreError[]) {
  const version: VersionField[] = [];
  const absent: string[] = [];
  for (const name of names) {
    const inRow = shapeAt(view.fields, name);
    const field: FieldShape | undefined = inRow ?? (view.outer === undefined ? undefined : shapeAt(view.outer, name));
    if (field === undefined) {
      // Older writers may not have it. Its records are the lowest, and `check` names it against the newest schema.
      absent.push(name);
      version.push({ field: name, kind: 'integer' });
      continue;
    }
    const kind = versionKindOf(field);
    if (kind === undefined) {
      const message = `Field ${name} cannot be a version: ${field.logical ?? field.avro} has no order that a version keeps`;
      problems.push(problem('table_unmappable', text, message, 'Use a long, an int, a timestamp, a date or a string.', { field: name }));
      continue;
    }
    const path = pathReader(name);
    if (inRow === undefined) version.push({ field: name, kind, read: (_row, record) => path(record) });
    else if (name.includes('.')) version.push({ field: name, kind, read: (row) => path(row) });
    else version.push({ field: name, kind });
  }
  return { version, absent };
}

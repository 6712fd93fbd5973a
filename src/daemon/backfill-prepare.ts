import { travelOf } from '../apply/column-types.ts';
import type { RecordDecoder } from '../apply/contracts.ts';
import type { TableDescription } from '../apply/dependencies.ts';
import { entryView, keyField, presetEntry, takesSchema } from '../apply/entry-view.ts';
import type { MappedColumn } from '../apply/map-columns.ts';
import { mapVersion } from '../apply/map-version.ts';
import { mapKey, type TableMapping } from '../apply/mapping.ts';
import type { ResolvedSource } from '../apply/source-table.ts';
import type { TableEntry } from '../apply/table-entry.ts';
import { UNITS_COLUMN } from '../apply/units.ts';
import type { ComparedTable, SideTable } from '../audit/contracts.ts';
import type { SourceKind } from '../backfill/row-version.ts';
import { FarshoreError } from '../model/errors.ts';
import { tableText } from '../model/sql-name.ts';
import { type SourceField, sourceFits } from '../postgres/backfill-table.ts';

export interface BackfillInput {
  /** All of the table's. */
  readonly entries: readonly TableEntry[];
  readonly region: TableDescription;
  readonly primary: Pick<SideTable, 'columns'>;
  readonly resolved: ResolvedSource;
  readonly compared: ComparedTable;
  /** Schemas of each entry's records, as met and as the registry has them. */
  readonly schemas: readonly (readonly RecordDecoder[])[];
  /** How records wrote the version fields when the backfill began; empty: it begins now. */
  readonly kinds?: readonly SourceKind[];
}

export interface BackfillMapping {
  readonly mapping: TableMapping;
  readonly source: readonly SourceField[];
  readonly restored: string | null;
}

export const refusal = (table: string, message: string, hint: string): FarshoreError =>
  new FarshoreError('backfill_refused', message, { place: `table ${table}`, hint });

/** How rows of the primary are written as if the stream had brought them. Throws `backfill_refused` where the primary's table cannot say what it would. */
export function backfillMapping({ entries, region, primary, resolved, compared, schemas, kinds = [] }: BackfillInput): BackfillMapping {
  const entry = entries[0]!;
  const name = tableText(region);
  refuseForms(name, entries, resolved, region);
  const keyed = mapKey(entry, region);
  if (keyed.kind === 'problems') throw keyed.problems[0]!;
  const described = (column: string) => region.columns.find((one) => one.name === column)!;
  const mapped = (column: string, field: string): MappedColumn => {
    const { type, base, default: initial } = described(column);
    const travel = travelOf(base ?? type, { avro: 'string', logical: undefined });
    return { column, field, type, base, travel, ...(typeof initial === 'string' ? { default: initial } : {}) };
  };
  const columns = compared.columns.map(({ region: one }) => mapped(one.name, one.name));
  const { softDelete, key } = keyed.mapping;
  if (softDelete !== undefined) columns.push(mapped(softDelete.column, ''));
  const keyIndexes = key.map(({ column }) => columns.findIndex((one) => one.column === column));
  const isPartial = region.columns.some((column) => column.name === UNITS_COLUMN);
  const list = columns.flatMap(({ column }, index) =>
    keyIndexes.includes(index) ? [] : [{ name: column, columns: [index], version: undefined }],
  );
  const units = isPartial ? { list, hasGroups: false, unknownRow: 'insert' as const, setFields: () => () => true } : undefined;
  return {
    mapping: {
      ...keyed.mapping,
      columns,
      keyIndexes,
      version: [],
      absentVersion: [],
      notAllowed: [],
      ...(units === undefined ? {} : { units }),
    },
    source: sourceFields(name, entries, { schemas, kinds }, resolved, primary),
    restored: softDelete?.sets === 'true' ? 'false' : null,
  };
}

function refuseForms(name: string, entries: readonly TableEntry[], { omitted }: ResolvedSource, region: TableDescription): void {
  if (entries.some(({ groups }) => Object.keys(groups ?? {}).length > 0)) {
    throw refusal(name, 'The table has groups, each with a version of its own', 'Backfill it with `--from topic`.');
  }
  const streamOnly = [...omitted].filter(([, why]) => why === 'constant' || why === 'document' || why === 'nested field');
  if (streamOnly.length > 0) {
    const what = streamOnly.map(([column, why]) => `${column} (${why})`).join(', ');
    throw refusal(
      name,
      `Only the stream fills ${what}`,
      'Backfill it with `--from topic`, or name the counterpart at the primary: `source: { columns: { … } }` of the entry.',
    );
  }
  const softlyDeleted = [...omitted.values()].includes('soft delete');
  if (softlyDeleted && entries.some(({ preset }) => preset === 'dionysus')) {
    throw refusal(name, 'What is canceled is told by the events alone', 'Backfill it with `--from topic`.');
  }
  const isPartial = region.columns.some((column) => column.name === UNITS_COLUMN);
  const unset = [...omitted].filter(([, why]) => why === 'omitted' || why === 'not filled').map(([column]) => column);
  if (isPartial && unset.length > 0) {
    const message = `Records set parts of rows, and ${unset.join(', ')} would count as set with the others`;
    throw refusal(name, message, 'Name their counterparts at the primary: `source: { columns: { … } }` of the entry.');
  }
}

/** The fields that order states, as all schemas of all entries write them: rows are ordered among the stream's records. */
function sourceFields(
  name: string,
  entries: readonly TableEntry[],
  { schemas, kinds: begun }: { readonly schemas: BackfillInput['schemas']; readonly kinds: readonly SourceKind[] },
  { source }: ResolvedSource,
  primary: BackfillInput['primary'],
): readonly SourceField[] {
  const entry = presetEntry(entries[0]!);
  const names = entry.version ?? [];
  if (names.length === 0) return [];
  const kinds: (SourceKind | undefined)[] = names.map((_name, index) => begun[index]);
  for (const [place, one] of entries.entries()) {
    for (const decoder of schemas[place] ?? []) {
      if (!takesSchema(one, decoder)) continue;
      const problems: FarshoreError[] = [];
      const view = entryView(one, decoder);
      const { version, absent } = mapVersion(view.entry.version ?? [], view, name, problems);
      if (problems.length > 0) throw problems[0]!;
      if (version.length !== names.length)
        throw refusal(name, 'Its topics are ordered by different fields', 'Give its entries one `version`.');
      for (const [index, { field, kind, read }] of version.entries()) {
        if (absent.includes(field)) continue;
        if (read !== undefined) {
          throw refusal(name, `Version field ${field} is beside the row or inside a column`, 'Order the table by a column of the row.');
        }
        if (kinds[index] !== undefined && kinds[index] !== kind) {
          throw refusal(
            name,
            `Version field ${field} is ${kinds[index]} in one schema and ${kind} in another`,
            'Stop writing the older schema.',
          );
        }
        kinds[index] = kind;
      }
    }
  }
  return names.map((field, index) => {
    const kind = kinds[index];
    if (kind === undefined) {
      const message = `How records write version field ${field} is not known: none has come, and the registry has no schema of the topic`;
      throw refusal(name, message, 'Start it again after the first record, or give the registry the schema.');
    }
    const column = [...source.columns].find(([region]) => keyField(entry, region) === field)?.[1] ?? field;
    const found = primary.columns.find((one) => one.name === column);
    const hint = 'Name its counterpart at the primary: `source: { columns: { … } }` of the entry.';
    if (found === undefined) throw refusal(name, `Version field ${field} has no column ${column} at the primary`, hint);
    if (!found.readable) {
      throw new FarshoreError('database_denied', `The role may not read ${column} at the primary`, { place: `table ${name}`, hint });
    }
    if (found.type.isArray || !sourceFits(found.type.name, kind)) {
      const message = `Version field ${field} is ${kind} in the records, and ${column} at the primary is ${found.type.sql}: they cannot be ordered among each other`;
      throw refusal(name, message, 'Have both hold the same kind of value.');
    }
    return { column, kind };
  });
}

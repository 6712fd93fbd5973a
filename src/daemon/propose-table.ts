import type { FieldShape } from '../apply/contracts.ts';
import type { TableDescription } from '../apply/dependencies.ts';
import { describeMapping } from '../apply/describe-mapping.ts';
import type { SchemaShape } from '../apply/entry-view.ts';
import { versionKindOf } from '../apply/source-version.ts';
import type { TableEntry } from '../apply/table-entry.ts';
import { type TableName, tableText } from '../model/sql-name.ts';
import type { Obstacle, ProposedTable } from '../model/survey.ts';

/** Fields that usually rise with every change of a row, the likelier first. */
const VERSION_FIELDS = ['updatedat', 'modifiedat', 'changedat', 'lastmodified', 'lastupdated', 'version', 'rowversion', 'revision'];

/** Names that a configuration can write. */
const WRITABLE = /^[^\s.";]{1,63}$/;

export type FoundTable =
  | { readonly kind: 'table'; readonly table: TableName }
  | { readonly kind: 'none' }
  | { readonly kind: 'several'; readonly tables: readonly string[] };

/**
 * The table of a topic, by their names: the topic's last part, else the record's, as it is or but for case, separators and a plural s. Of tables
 * of one name the one whose schema is the topic's part before it, else that in public.
 */
export function tableOfTopic(topic: string, record: string | undefined, tables: readonly TableName[]): FoundTable {
  const parts = topic.split('.');
  const names = [parts.at(-1)!, ...(record === undefined ? [] : [record.split('.').at(-1)!])];
  const likenesses = [(name: string) => name, bare, (name: string) => bare(name).replace(/s$/, '')];
  for (const name of names) {
    for (const like of likenesses) {
      const found = tables.filter(({ table }) => like(table) === like(name));
      if (found.length === 0) continue;
      const one = found.length === 1 ? found : found.filter(({ schema }) => schema === parts.at(-2));
      const chosen = one.length === 1 ? one : found.filter(({ schema }) => schema === 'public');
      return chosen.length === 1 ? { kind: 'table', table: chosen[0]! } : { kind: 'several', tables: found.map(tableText) };
    }
  }
  return { kind: 'none' };
}

const bare = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** An entry for the topic, judged by the mapping that would apply it. */
export function proposeTable(topic: string, shape: SchemaShape, table: TableDescription): ProposedTable {
  const preset = isEnvelope(shape) ? 'debezium' : undefined;
  const key = table.primaryKey.length > 0 ? table.primaryKey : keyInsteadOfPrimary(table);
  const keyIsPrimary = table.primaryKey.length > 0;
  // What an envelope's row holds does not order the deletes that come without it; the log does.
  const version = preset === undefined ? versionField(shape.fields) : undefined;
  const name = tableText(table);
  const entry: TableEntry = {
    topic,
    table: name,
    ...(keyIsPrimary || key.length === 0 ? {} : { key }),
    ...(version === undefined ? {} : { version: [version.name] }),
    ...(preset === undefined ? {} : { preset }),
  };
  const unwritable: readonly Obstacle[] = [table.schema, table.table].every((part) => WRITABLE.test(part))
    ? []
    : [{ why: 'The name has a blank, a dot, a quote or a semicolon: the configuration cannot name it', next: 'Rename the table.' }];
  return {
    topic,
    table: name,
    key,
    keyIsPrimary,
    version: version && { field: version.name, type: version.logical ?? version.avro },
    preset,
    obstacles: [
      ...unwritable,
      ...describeMapping(entry, shape, table, 'validate').problems.map(({ message, hint }) => ({ why: message, next: hint ?? undefined })),
    ],
    unaudited: undefined,
  };
}

/** Several topics on one table need a source version each: the order of two logs is not known (C1). */
export function withoutSharing(proposed: readonly ProposedTable[]): readonly ProposedTable[] {
  return proposed.map((one) => {
    const others = proposed.filter(({ table, topic }) => table === one.table && topic !== one.topic);
    if (others.length === 0 || [one, ...others].every(({ version }) => version !== undefined)) return one;
    const why = `${[one, ...others].map(({ topic }) => topic).join(' and ')} would share the table, and not each has a version field`;
    return { ...one, obstacles: [...one.obstacles, { why, next: 'Keep one of them, or give every one a `version`.' }] };
  });
}

const isEnvelope = ({ fields }: SchemaShape): boolean =>
  ['before', 'after', 'op'].every((wanted) => fields.some(({ name }) => name === wanted)) &&
  fields.some(({ name, fields: inner }) => name === 'after' && inner !== undefined);

/** A date is too coarse and a text may sort in another order than what it says. */
function versionField(fields: readonly FieldShape[]): FieldShape | undefined {
  const usable = fields.filter((field) => field.logical !== 'date' && ['integer', 'timestamp'].includes(versionKindOf(field) ?? ''));
  for (const name of VERSION_FIELDS) {
    const found = usable.find((field) => bare(field.name) === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function keyInsteadOfPrimary({ uniqueIndexes, columns }: TableDescription): readonly string[] {
  const isFilled = (name: string): boolean => columns.some((column) => column.name === name && !column.nullable);
  return uniqueIndexes.find((index) => index.usableAsKey && index.columns.length > 0 && index.columns.every(isFilled))?.columns ?? [];
}

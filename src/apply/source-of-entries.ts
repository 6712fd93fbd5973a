import type { TableDescription } from './dependencies.ts';
import { type OmitReason, type ResolvedSource, sourceTableOf } from './source-table.ts';
import type { TableEntry } from './table-entry.ts';

/** The entries of a table do not agree which rows of the primary theirs are. */
export interface DifferingSources {
  readonly kind: 'differing';
  /** As an entry calls them. */
  readonly parts: readonly string[];
  /** Topics that agree, in the order of the configuration; two of these or more. */
  readonly topics: readonly (readonly string[])[];
}

export type SourceOfEntries = { readonly kind: 'one'; readonly resolved: ResolvedSource } | DifferingSources;

/**
 * Where the rows of a table come from that one or several topics fill. Audit, repair and backfill walk one table of the primary under one condition:
 * by the source of one of several topics, the rows of the others would be extra, and a repair would take them away.
 */
export function sourceOfEntries(entries: readonly TableEntry[], region: Pick<TableDescription, 'columns' | 'primaryKey'>): SourceOfEntries {
  const all = entries.map((entry) => ({ topic: entry.topic, resolved: sourceTableOf(entry, region) }));
  const alike = [...Map.groupBy(all, ({ resolved }) => JSON.stringify(Object.values(partsOf(resolved)))).values()];
  if (alike.length > 1) {
    const found = all.map(({ resolved }) => partsOf(resolved));
    const parts = Object.keys(found[0]!).filter((part) => new Set(found.map((one) => JSON.stringify(one[part]))).size > 1);
    return { kind: 'differing', parts, topics: alike.map((group) => [...new Set(group.map(({ topic }) => topic))]) };
  }
  const resolveds = all.map(({ resolved }) => resolved);
  return {
    kind: 'one',
    resolved: {
      ...resolveds[0]!,
      omitted: omittedOf(resolveds),
      unknown: [...new Set(resolveds.flatMap(({ unknown }) => unknown))],
    },
  };
}

const partsOf = ({ source, key, live }: ResolvedSource): Readonly<Record<string, unknown>> => ({
  table: source.table,
  where: source.where ?? null,
  columns: [...source.columns],
  key,
  softDelete: live ?? null,
});

const streamFills: ReadonlySet<OmitReason> = new Set(['constant', 'document', 'nested field']);

/** A column that only the stream of one topic fills is such a column of the table, whatever the others say of it. */
function omittedOf(resolveds: readonly ResolvedSource[]): ReadonlyMap<string, OmitReason> {
  const merged = new Map<string, OmitReason>();
  for (const { omitted } of resolveds) {
    for (const [column, why] of omitted) if (!merged.has(column) || streamFills.has(why)) merged.set(column, why);
  }
  return merged;
}

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
  const resolveds = all.map(({ resolved }) => resolved);
  const columns = mergedColumns(resolveds, region);
  // One topic may mark the deletes of rows of which others set parts: its condition is that of the table.
  const deleting = resolveds.find(({ live }) => live !== undefined) ?? resolveds[0]!;
  const partsOfOne = (resolved: ResolvedSource) => partsOf({ ...resolved, live: resolved.live ?? deleting.live }, columns.conflicts);
  const alike = [...Map.groupBy(all, ({ resolved }) => JSON.stringify(partsOfOne(resolved))).values()];
  if (alike.length > 1) {
    const found = resolveds.map(partsOfOne);
    const parts = Object.keys(found[0]!).filter((part) => new Set(found.map((one) => JSON.stringify(one[part]))).size > 1);
    return { kind: 'differing', parts, topics: alike.map((group) => [...new Set(group.map(({ topic }) => topic))]) };
  }
  return {
    kind: 'one',
    resolved: {
      ...deleting,
      source: { ...deleting.source, columns: columns.filled },
      omitted: columns.omitted,
      unknown: [...new Set(resolveds.flatMap(({ unknown }) => unknown))],
    },
  };
}

/** `conflicts`: columns that come from one column of the primary by one entry, and from another by another. */
const partsOf = ({ source, key, live }: ResolvedSource, conflicts: readonly string[]): Readonly<Record<string, unknown>> => ({
  table: source.table,
  where: source.where ?? null,
  columns: conflicts.map((column) => [column, source.columns.get(column) ?? null]),
  key,
  softDelete: live ?? null,
});

/** Whatever the others say of such a column: what is in it need not be what the primary has, or is not to be looked at. */
const outweighs: ReadonlySet<OmitReason> = new Set(['soft delete', 'constant', 'document', 'nested field', 'omitted']);

/** One entry may fill what another leaves out, as topics do that set parts of one row: a column is compared that any of them fills. */
function mergedColumns(
  resolveds: readonly ResolvedSource[],
  region: Pick<TableDescription, 'columns'>,
): {
  readonly filled: ReadonlyMap<string, string>;
  readonly omitted: ReadonlyMap<string, OmitReason>;
  readonly conflicts: readonly string[];
} {
  const filled = new Map<string, string>();
  const omitted = new Map<string, OmitReason>();
  const conflicts: string[] = [];
  for (const { name: column } of region.columns) {
    const reasons = resolveds.flatMap((one) => one.omitted.get(column) ?? []);
    const names = new Set(resolveds.flatMap((one) => one.source.columns.get(column) ?? []));
    const [name] = names;
    const left = reasons.find((why) => outweighs.has(why)) ?? (name === undefined ? reasons[0] : undefined);
    if (left !== undefined) omitted.set(column, left);
    else if (name !== undefined) filled.set(column, name);
    if (left === undefined && names.size > 1) conflicts.push(column);
  }
  return { filled, omitted, conflicts };
}

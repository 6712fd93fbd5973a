import type { ArrayElement } from './dependencies.ts';
import type { Units } from './units.ts';

/** A row as far as the records of a run set it. */
export interface UnitRow {
  readonly key: readonly Exclude<ArrayElement, null>[];
  /** By column; undefined where no record set it. */
  readonly values: (ArrayElement | undefined)[];
  /** By unit, as hex; undefined where no record set it. */
  readonly versions: (string | undefined)[];
  /** By unit: the version of the record that set it, which says of a group too whether a delete stands above it. */
  readonly setBy: (string | undefined)[];
  /** The highest version of its records. */
  version: string;
  /** Of the last record in it. */
  offset: bigint;
  merged: boolean;
}

/**
 * Whether one row can say all that two records say, whatever the table holds and has deleted. A group has two orders, its own and that of the
 * records that set it, and a row has room for one state of it:
 *
 *     version 5, group 7 · version 12, group 3   → group 7; but group 3 where a delete of version 10 is remembered
 *
 * One state stands for both only if it is the higher in both orders. Nor can a state that leaves out a column of its group take over that column
 * from a lower one: the table's may be higher than that.
 */
export function canMerge({ list }: Units, hasSource: boolean, standing: UnitRow, next: UnitRow): boolean {
  return list.every(({ version: isGroup, columns }, u) => {
    const [before, version] = [standing.versions[u], next.versions[u]];
    if (isGroup === undefined || before === undefined || version === undefined) return true;
    const wins = version > before;
    if (hasSource && wins !== next.setBy[u]! > standing.setBy[u]!) return false;
    return !wins || columns.every((c) => standing.values[c] === undefined || next.values[c] !== undefined);
  });
}

/** Merges the later of two records into the other, unit by unit. */
export function mergeInto(standing: UnitRow, next: UnitRow, { list }: Units): void {
  standing.merged = true;
  standing.offset = next.offset;
  if (next.version > standing.version) standing.version = next.version;
  for (const [u, { columns }] of list.entries()) {
    const version = next.versions[u];
    const before = standing.versions[u];
    if (version === undefined || (before !== undefined && before >= version)) continue;
    standing.versions[u] = version;
    standing.setBy[u] = next.setBy[u];
    // All of them: what a group held without a version was never set.
    for (const c of columns) standing.values[c] = next.values[c];
  }
}

/** Whether it holds what a delete above it need not take away: a group may go into a row that the delete leaves, as one that is newer. */
export const setsGroup = ({ versions }: UnitRow, { list }: Units): boolean =>
  list.some(({ version }, u) => version !== undefined && versions[u] !== undefined);

/**
 * The lowest version of the row's columns, and which unit has which; null where all are set under one. Under `!`: which columns of a group are
 * not set, and by which record a group was, where that is not the row's.
 */
export function givenUnits(
  { values, versions, setBy, version: highest }: UnitRow,
  { list, hasGroups }: Units,
  columnName: (column: number) => string,
): { readonly low: string | null; readonly given: string | null } {
  let low: string | null = null;
  let whole = !hasGroups;
  for (const [u, { version }] of list.entries()) {
    const own = versions[u];
    if (version !== undefined) continue;
    whole &&= own === highest;
    if (own !== undefined && (low === null || own < low)) low = own;
  }
  if (whole) return { low, given: null };
  const given: string[] = [];
  const older: string[] = [];
  for (const [u, { name, columns, version }] of list.entries()) {
    const own = versions[u];
    if (own === undefined) continue;
    given.push(`${JSON.stringify(name)}:"${own}"`);
    if (version === undefined) continue;
    if (setBy[u] !== highest) older.push(`${JSON.stringify(name)}:"${setBy[u]}"`);
    for (const c of columns) if (values[c] === undefined) given.push(`${JSON.stringify(`!${columnName(c)}`)}:""`);
  }
  if (older.length > 0) given.push(`"!":{${older.join(',')}}`);
  return { low, given: `{${given.join(',')}}` };
}

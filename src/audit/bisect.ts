import type { ComparedTable, Key, KeyRange, RangeDigest, RowDigest, RowLook, Side, Sides, Suspect, UnlistedRange } from './contracts.ts';

/** At or below this many rows, a digest a row is cheaper than another round of ranges. */
export const LEAF_ROWS = 64;
const FANOUT = 16;
/** Suspects that one step lists; what differs beyond them is told by range. */
export const MAX_SUSPECTS = 1_000;
/**
 * Ranges that are cut for one difference, beside one for each few rows: more only where the sides order keys differently, or a range
 * grows each time it is looked at. Then it is told as a range, too.
 */
const MAX_CUTS = 100;
const ROWS_PER_CUT = 4;

/** Of one range, both sides. */
export type DigestPair = Readonly<Record<Side, RangeDigest>>;

export const isEqual = ({ primary, region }: DigestPair): boolean =>
  !primary.overLimit && !region.overLimit && primary.rows === region.rows && primary.digest === region.digest;

export interface Differences {
  readonly suspects: readonly Suspect[];
  readonly unlisted: readonly UnlistedRange[];
  readonly bytes: number;
}

interface Work {
  readonly range: KeyRange;
  readonly digests: DigestPair;
}

/** Asks both sides for digests of the ranges; `bytes` of both. */
export async function digestPairs(
  table: ComparedTable,
  sides: Sides,
  ranges: readonly KeyRange[],
  rowLimit: number,
  signal: AbortSignal,
): Promise<{ readonly pairs: readonly DigestPair[]; readonly bytes: number }> {
  const [primary, region] = await Promise.all([
    sides.primary.rangeDigests(table, ranges, rowLimit, signal),
    sides.region.rangeDigests(table, ranges, rowLimit, signal),
  ]);
  const pairs = ranges.map((_range, index) => ({ primary: primary.value[index]!, region: region.value[index]! }));
  return { pairs, bytes: primary.bytes + region.bytes };
}

/**
 * From a range that differs down to its rows, by digests alone. Ranges are looked at from first to last; at `maxSuspects` what is
 * left is told as ranges with their counts, so that memory stays bounded even when every row differs.
 */
export async function differencesOf(
  table: ComparedTable,
  sides: Sides,
  found: { readonly range: KeyRange; readonly digests: DigestPair; readonly rowLimit: number; readonly maxSuspects?: number },
  signal: AbortSignal,
): Promise<Differences> {
  const { rowLimit, maxSuspects = MAX_SUSPECTS } = found;
  const suspects: Suspect[] = [];
  const unlisted: UnlistedRange[] = [];
  let bytes = 0;
  let cuts = 0;
  const mostCuts = MAX_CUTS + Math.max(found.digests.primary.rows, found.digests.region.rows) / ROWS_PER_CUT;
  const stack: Work[] = [{ range: found.range, digests: found.digests }];
  for (let work = stack.pop(); work !== undefined; work = stack.pop()) {
    const { range, digests } = work;
    const rows = Math.max(digests.primary.rows, digests.region.rows);
    if (suspects.length >= maxSuspects || cuts >= mostCuts) {
      unlisted.push(unlistedRange(range, digests));
      continue;
    }
    if (rows <= LEAF_ROWS) {
      const leaf = await leafSuspects(table, sides, range, signal);
      bytes += leaf.bytes;
      if (leaf.suspects !== undefined) {
        suspects.push(...leaf.suspects);
        continue;
      }
    }
    cuts++;
    const larger = sides[digests.region.rows > digests.primary.rows ? 'region' : 'primary'];
    const ends = await larger.boundaries(table, range, { rowsPerRange: Math.max(1, Math.ceil(rows / FANOUT)), limit: FANOUT * 4 }, signal);
    const ranges = rangesBetween(range, ends.value);
    const { pairs, bytes: received } = await digestPairs(table, sides, ranges, rowLimit, signal);
    bytes += ends.bytes + received;
    // Pieces of a range that hold more rows than the whole: the sides order keys differently, and cutting on would not end.
    if (bothSides.some((side) => sum(pairs, side) > 2 * digests[side].rows + LEAF_ROWS)) {
      unlisted.push(unlistedRange(range, digests));
      continue;
    }
    const differing = ranges.flatMap((one, index) => {
      const pair = pairs[index]!;
      return isEqual(pair) ? [] : [{ range: one, digests: pair }];
    });
    stack.push(...differing.toReversed());
  }
  return { suspects, unlisted, bytes };
}

const bothSides = ['primary', 'region'] as const;
const sum = (pairs: readonly DigestPair[], side: Side): number => pairs.reduce((rows, pair) => rows + pair[side].rows, 0);

const unlistedRange = (range: KeyRange, { primary, region }: DigestPair): UnlistedRange => ({
  ...range,
  primaryRows: primary.rows,
  regionRows: region.rows,
  atLeast: primary.overLimit || region.overLimit,
});

/** The range cut after each of the keys. The last piece reaches to the end of the range: rows may lie behind the last key. */
export function rangesBetween({ after, upTo }: KeyRange, ends: readonly Key[]): readonly KeyRange[] {
  const ranges: KeyRange[] = [];
  let from = after;
  for (const end of ends) {
    ranges.push({ after: from, upTo: end });
    from = end;
  }
  if (from === undefined || upTo === undefined || JSON.stringify(from) !== JSON.stringify(upTo)) ranges.push({ after: from, upTo });
  return ranges;
}

/** Compares the rows of a small range; without `suspects` where it is not small any more. */
async function leafSuspects(
  table: ComparedTable,
  sides: Sides,
  range: KeyRange,
  signal: AbortSignal,
): Promise<{ readonly suspects: readonly Suspect[] | undefined; readonly bytes: number }> {
  const limit = LEAF_ROWS * 2;
  const [primary, region] = await Promise.all([
    sides.primary.rowDigests(table, range, limit, signal),
    sides.region.rowDigests(table, range, limit, signal),
  ]);
  let bytes = primary.bytes + region.bytes;
  if (primary.value.length === limit || region.value.length === limit) return { suspects: undefined, bytes };
  const suspects = rowSuspects(primary.value, region.value);
  const changed = suspects.filter(({ kind }) => kind === 'changed').map(({ key }) => key);
  if (changed.length === 0) return { suspects, bytes };
  const [there, here] = await Promise.all([sides.primary.look(table, changed, signal), sides.region.look(table, changed, signal)]);
  bytes += there.bytes + here.bytes;
  let at = 0;
  const named = suspects.map((suspect) => {
    if (suspect.kind !== 'changed') return suspect;
    const index = at++;
    return { ...suspect, columns: differingColumns(there.value[index]!, here.value[index]!) };
  });
  return { suspects: named, bytes };
}

/** By key, not by place: both sides may order equal texts in another way. */
export function rowSuspects(primary: readonly RowDigest[], region: readonly RowDigest[]): readonly Suspect[] {
  const here = new Map(region.map((row) => [JSON.stringify(row.key), row]));
  const suspects: Suspect[] = [];
  for (const { key, digest } of primary) {
    const text = JSON.stringify(key);
    const counterpart = here.get(text);
    here.delete(text);
    if (counterpart === undefined) suspects.push({ key, kind: 'missing', columns: [] });
    else if (counterpart.digest !== digest) suspects.push({ key, kind: 'changed', columns: [] });
  }
  for (const { key } of here.values()) suspects.push({ key, kind: 'extra', columns: [] });
  return suspects;
}

/** Names of the columns whose values differ; none where a row is gone. */
export function differingColumns(primary: RowLook, region: RowLook): readonly string[] {
  if (!primary.present || !region.present) return [];
  return [...primary.columnDigests].filter(([name, digest]) => region.columnDigests.get(name) !== digest).map(([name]) => name);
}

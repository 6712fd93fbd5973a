import { differencesOf, digestPairs, isEqual, rangesBetween } from './bisect.ts';
import type { ComparedTable, Key, PassStep, Side, Sides } from './contracts.ts';
import { readCursor, writeCursor } from './pass-cursor.ts';

/**
 * Ranges that are asked for in one round trip: over a slow link the way would take longer than the work. Not more rows than a server
 * digests in a fraction of the time that one answer may take, though it reads each of them from disk.
 */
const MOST_RANGES_AT_ONCE = 8;
const ROWS_AT_ONCE = 40_000;
/** A side with this many times the rows of a range is walked by its own keys there. */
const OVER = 4;
/** The region's keys, the primary's inside a range of those, and no more: cutting in turn ends only where both order keys alike. */
const MOST_WALKS = 2;

/** The region's keys cut the table; where the primary has many more rows, its own keys cut that range. */
interface Walk {
  readonly side: Side;
  readonly upTo: Key | undefined;
}

/**
 * Compares a table range by range, one a step; only digests leave the databases while they are equal. Every key lies in a range of each
 * side, those before the first and beyond the last one too. A row that is written meanwhile may become a suspect, and none is more than that.
 */
export async function* passSteps(
  table: ComparedTable,
  sides: Sides,
  { rowsPerRange, cursor }: { readonly rowsPerRange: number; readonly cursor: string | undefined },
  signal: AbortSignal,
): AsyncGenerator<PassStep, void, void> {
  const place = readCursor(table, cursor);
  if (place.kind === 'done') return;
  const rowLimit = rowsPerRange * OVER;
  const atOnce = Math.max(1, Math.min(MOST_RANGES_AT_ONCE, Math.floor(ROWS_AT_ONCE / rowsPerRange)));
  const walks: Walk[] = [{ side: 'region', upTo: undefined }];
  let after = place.key;
  let bytesReceived = 0;
  for (let walk = walks.at(-1); walk !== undefined; walk = walks.at(-1)) {
    const window = { after, upTo: walk.upTo };
    const ends = await sides[walk.side].boundaries(table, window, { rowsPerRange, limit: atOnce }, signal);
    const reachesEnd = ends.value.length < atOnce;
    const cut = rangesBetween(window, ends.value);
    const ranges = reachesEnd ? cut : cut.slice(0, atOnce);
    const { pairs, bytes } = await digestPairs(table, sides, ranges, rowLimit, signal);
    bytesReceived += ends.bytes + bytes;
    let over: Walk | undefined;
    for (const [index, range] of ranges.entries()) {
      const digests = pairs[index]!;
      const isOver = digests.primary.overLimit || digests.region.overLimit;
      if (isOver && walks.length < MOST_WALKS) {
        over = { side: digests.primary.overLimit ? 'primary' : 'region', upTo: range.upTo };
        break;
      }
      const differences = isEqual(digests) ? undefined : await differencesOf(table, sides, { range, digests, rowLimit }, signal);
      after = range.upTo;
      // The only range without an end is the last of the table, whichever side it was cut by.
      const done = after === undefined;
      yield {
        cursor: writeCursor(table, done ? { kind: 'done' } : { kind: 'after', key: after }),
        done,
        rowsCompared: Math.max(digests.primary.rows, digests.region.rows),
        bytesReceived: bytesReceived + (differences?.bytes ?? 0),
        suspects: differences?.suspects ?? [],
        unlisted: differences?.unlisted ?? [],
      };
      if (done) return;
      bytesReceived = 0;
    }
    if (over !== undefined) walks.push(over);
    else if (reachesEnd) walks.pop();
  }
}

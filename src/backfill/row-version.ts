import { FarshoreError } from '../model/errors.ts';
import { type SourceVersion, versionHex } from '../model/version.ts';

/** How a source field orders states, as the writers' schemas have it. */
export type SourceKind = 'integer' | 'timestamp' | 'text';

/** Records of one source; a file with more would run into the numbers of the next backfill. */
const MOST_RECORDS = 1n << 40n;
const DATABASE = 1n << 62n;

/**
 * Generations of a log begin with 1: generation 0 is that of backfills, below every record of the stream, and its offsets order what only backfills
 * wrote. The later backfill wins, within one the later record of a file, and over all files the primary's database.
 */
export function backfillOffset(from: 'database' | 'file', id: string, record: bigint): bigint {
  const run = BigInt(id) * MOST_RECORDS;
  if (record >= MOST_RECORDS || run + MOST_RECORDS >= DATABASE)
    throw new FarshoreError('internal', `Backfill ${id} has no number for record ${record}`);
  return (from === 'database' ? DATABASE : 0n) + run + record;
}

/** The record of a file that an offset stands for. */
export const recordOf = (offset: bigint): bigint => offset % MOST_RECORDS;

/**
 * The version a backfilled row is written with: its home epoch and source fields, and below them a place before that of any log. A record of the
 * stream with the same source values is higher, so a live change always wins; a record with lower ones is older than what was read at the primary.
 * Without source fields it is the lowest of all (C2): every record of the stream wins.
 *
 * Timestamps are rounded down to milliseconds where they are read: a publisher that cuts microseconds off would write a change later in the same
 * millisecond with a lower version than the row's own.
 */
export function rowVersion(homeEpoch: number, kinds: readonly SourceKind[], texts: readonly (string | null)[], offset: bigint): string {
  if (kinds.length === 0) return versionHex(0, null, 0, offset);
  const order = versionHex(homeEpoch, null, 0, offset);
  const parts = kinds.map((kind, index) => sourcePart(kind, texts[index] ?? null));
  return order.slice(0, 8) + parts.join('') + order.slice(-24);
}

function sourcePart(kind: SourceKind, text: string | null): string {
  let source: SourceVersion = text;
  if (text !== null && kind !== 'text') {
    // A numeric that holds whole numbers may be written with a scale.
    const whole = /^(-?\d+)(?:\.0+)?$/.exec(text)?.[1];
    if (whole === undefined) throw new FarshoreError('record_unmappable', 'A version of the primary is no whole number');
    source = BigInt(whole);
  }
  return versionHex(0, source, 0, 0n).slice(8, -24);
}

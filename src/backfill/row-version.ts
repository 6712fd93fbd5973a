import { FarshoreError } from '../model/errors.ts';
import { type SourceVersion, versionHex } from '../model/version.ts';

/** How a source field orders states, as the writers' schemas have it. */
export type SourceKind = 'integer' | 'timestamp' | 'text';

/**
 * The version a backfilled row is written with: its home epoch and source fields, and below them the lowest place in any log. A record of the
 * stream with the same source values is higher, so a live change always wins; a record with lower ones is older than what was read at the primary.
 * Without source fields it is the lowest of all (C2): every record of the stream wins.
 *
 * Timestamps are rounded down to milliseconds where they are read: a publisher that cuts microseconds off would write a change later in the same
 * millisecond with a lower version than the row's own.
 */
export function rowVersion(homeEpoch: number, kinds: readonly SourceKind[], texts: readonly (string | null)[]): string {
  if (kinds.length === 0) return versionHex(0, null, 0, 0n);
  const order = versionHex(homeEpoch, null, 0, 0n);
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

/**
 * The version of a row (CORRECTNESS C1): home epoch, source field or lowest, generation, regional
 * offset, compared from left to right, as one value whose bytes sort like the tuple.
 *
 *     home epoch   uint32   a switch of the home outranks everything the old home ever wrote (C3)
 *     source       1 byte 0x00 = none or null (the lowest), or 0x01 + 8 bytes = a long or a timestamp with
 *                  the sign bit flipped, or 0x02 + escaped UTF-8 + 0x00 0x00 = a text in code-point order
 *     generation   uint32   our counter per topic
 *     offset       int64    regional
 *
 * Kept as `bytea`, which PostgreSQL compares byte by byte. As hex text it sorts the same way, which is
 * how a batch compares and binds it without a Buffer a record.
 */
export type SourceVersion = bigint | string | null;

const SIGN = 1n << 63n;
const MASK = (1n << 64n) - 1n;

const hex = (value: bigint | number, digits: number): string => value.toString(16).padStart(digits, '0');

/** Hex of the source part. A text is escaped (00 → 00ff) so that its end (0000) sorts before any longer text. */
function sourceHex(source: SourceVersion): string {
  if (source === null) return '00';
  if (typeof source === 'bigint') return `01${hex((source ^ SIGN) & MASK, 16)}`;
  return `02${Buffer.from(source, 'utf8')
    .toString('hex')
    .replace(/../g, (byte) => (byte === '00' ? '00ff' : byte))}0000`;
}

/** The full tuple as lower-case hex. `versionHex(a) < versionHex(b)` orders like the tuples. */
export function versionHex(homeEpoch: number, source: SourceVersion, generation: number, regionalOffset: bigint): string {
  return hex(homeEpoch, 8) + sourceHex(source) + hex(generation, 8) + hex(regionalOffset, 16);
}

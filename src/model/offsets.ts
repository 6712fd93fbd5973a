/**
 * Offsets of the two clusters are two types (CORRECTNESS C5): a home offset counts the log of the
 * cluster a topic is written in, a regional offset counts its mirrored copy, and the two drift apart
 * with every dropped control batch and aborted retry.
 *
 * At run time both are bigints. To the compiler they are opaque: `<`, `>` and `===` work between two
 * of one kind and do not compile across kinds or against a bare bigint, so a comparison that would
 * silently say "passed" cannot be written. Arithmetic goes through the functions below.
 */
declare const homeBrand: unique symbol;
declare const regionalBrand: unique symbol;

export interface HomeOffset {
  readonly [homeBrand]: true;
}

export interface RegionalOffset {
  readonly [regionalBrand]: true;
}

export type AnyOffset = HomeOffset | RegionalOffset;

export const homeOffset = (value: bigint): HomeOffset => value as unknown as HomeOffset;

export const regionalOffset = (value: bigint): RegionalOffset => value as unknown as RegionalOffset;

/** The plain number, for the wire, SQL and output; never to compare the two kinds with each other. */
export const offsetValue = (offset: AnyOffset): bigint => offset as unknown as bigint;

/** Records between two offsets of one kind: an upper bound, since markers and compaction leave gaps. */
export function offsetsBetween<T extends AnyOffset>(from: T, to: T): bigint {
  return offsetValue(to) - offsetValue(from);
}

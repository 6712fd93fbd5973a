import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SourceVersion, versionHex } from '../../../src/model/version.ts';

type Tuple = readonly [epoch: number, source: SourceVersion, generation: number, offset: bigint];
const hex = ([epoch, source, generation, offset]: Tuple): string => versionHex(epoch, source, generation, offset);
const sign = (a: bigint | number | string, b: bigint | number | string): number => (a < b ? -1 : a > b ? 1 : 0);
const codePoints = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function compare(a: Tuple, b: Tuple, source: (x: never, y: never) => number): number {
  const bySource = (x: SourceVersion, y: SourceVersion): number =>
    x === null || y === null ? sign(x === null ? 0 : 1, y === null ? 0 : 1) : source(x as never, y as never);
  return sign(a[0], b[0]) || bySource(a[1], b[1]) || sign(a[2], b[2]) || sign(a[3], b[3]);
}

const tuple = (source: fc.Arbitrary<SourceVersion>) =>
  fc.tuple(fc.integer({ min: 1, max: 3 }), source, fc.integer({ min: 1, max: 3 }), fc.bigInt({ min: 0n, max: 3n })) as fc.Arbitrary<Tuple>;
const longs = fc.oneof(
  fc.constant(null),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  fc.constantFrom(-1n, 0n, 1n, 255n, 256n),
);
const texts = fc.oneof(fc.constant(null), fc.string({ unit: 'binary' }), fc.constantFrom('', '\0', 'a', 'a\0', 'a\0b', 'ab', 'é'));

describe('the version of a row', () => {
  it('C1: sorts like the tuple (home epoch, source long, generation, regional offset)', () => {
    fc.assert(
      fc.property(tuple(longs), tuple(longs), (a, b) => {
        expect(sign(hex(a), hex(b))).toBe(compare(a, b, sign as never));
      }),
    );
  });

  it('C1: sorts texts by code point and never mixes a text with what follows it', () => {
    fc.assert(
      fc.property(tuple(texts), tuple(texts), (a, b) => {
        expect(sign(hex(a), hex(b))).toBe(Math.sign(compare(a, b, codePoints as never)));
      }),
    );
  });

  it('C2: a null source is the lowest, below every value', () => {
    expect(versionHex(1, null, 9, 9n) < versionHex(1, -(1n << 63n), 1, 0n)).toBe(true);
    expect(versionHex(1, null, 9, 9n) < versionHex(1, '', 1, 0n)).toBe(true);
  });

  it('C3: the home epoch outranks any source value', () => {
    expect(versionHex(1, (1n << 63n) - 1n, 9, 9n) < versionHex(2, null, 1, 0n)).toBe(true);
  });
});

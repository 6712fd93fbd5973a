import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { offsetHex, SourceReader } from '../../../src/apply/source-version.ts';
import { TimestampReader } from '../../../src/apply/timestamp-micros.ts';
import { versionHex } from '../../../src/model/version.ts';

const longs = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
const modelSource = (value: bigint | string | null) => versionHex(0, value, 0, 0n).slice(8, -24);

describe('the source part of a version', () => {
  it('is what the model writes, for longs, ints and texts', () => {
    const whole = new SourceReader([{ field: 'v', kind: 'integer' }]);
    const text = new SourceReader([{ field: 'v', kind: 'text' }]);
    fc.assert(
      fc.property(
        longs,
        fc.integer(),
        fc.array(fc.constantFrom('\0', '\u0001', 'a', 'ż', '😀')).map((parts) => parts.join('')),
        (long, int, string) => {
          expect(whole.read({ v: long })).toBe(modelSource(long));
          expect(whole.read({ v: int })).toBe(modelSource(BigInt(int)));
          expect(text.read({ v: string })).toBe(modelSource(string));
        },
      ),
    );
    expect(whole.read({ v: null })).toBe(modelSource(null));
    expect(whole.read({})).toBe(modelSource(null));
  });

  it('C1: of several fields sorts like the fields, from left to right', () => {
    const reader = new SourceReader([
      { field: 'a', kind: 'text' },
      { field: 'b', kind: 'integer' },
    ]);
    const value = fc.record({ a: fc.option(fc.constantFrom('', 'a', 'a\0', 'ab', 'b')), b: fc.option(fc.bigInt(-2n, 2n)) });
    const rank = (x: string | bigint | null, y: string | bigint | null) =>
      x === y ? 0 : x === null ? -1 : y === null ? 1 : x < y ? -1 : 1;
    fc.assert(
      fc.property(value, value, (x, y) => {
        const expected = rank(x.a, y.a) || rank(x.b, y.b);
        const [left, right] = [reader.read(x)!, reader.read(y)!];
        expect(Math.sign(left < right ? -1 : left > right ? 1 : 0)).toBe(expected);
      }),
    );
  });

  it('takes -2^53, which is a whole number and no safe one', () => {
    const reader = new SourceReader([{ field: 'at', kind: 'integer' }]);
    expect(reader.read({ at: -(2 ** 53) })).toBe(versionHex(0, -(1n << 53n), 0, 0n).slice(8, -24));
  });

  it('refuses a value that has no order', () => {
    expect(new SourceReader([{ field: 'v', kind: 'integer' }]).read({ v: 'text' })).toBeUndefined();
    expect(new SourceReader([{ field: 'v', kind: 'timestamp' }]).read({ v: 'soon' })).toBeUndefined();
  });

  it('offsets are written as the model writes them', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 63n - 1n), (offset) => {
        expect(offsetHex(offset)).toBe(versionHex(0, null, 0, offset).slice(-16));
      }),
    );
  });
});

describe('timestamps as versions', () => {
  const reader = new TimestampReader();

  it('are microseconds, whatever the text looks like', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        fc.integer({ min: 0, max: 999 }),
        (date, micros) => {
          const iso = date.toISOString();
          const text = `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(micros).padStart(3, '0')}+00`;
          expect(BigInt(reader.micros(text)!)).toBe(BigInt(date.getTime()) * 1000n + BigInt(micros));
        },
      ),
    );
  });

  it.each<[string, bigint]>([
    ['1970-01-01 00:00:00', 0n],
    ['1970-01-01T00:00:00.5Z', 500_000n],
    ['1969-12-31 23:59:59.999999+00', -1n],
    ['1970-01-01 02:00:00+02', 0n],
    ['1970-01-02', 86_400_000_000n],
    ['2026-01-01 00:00:00.123456789+00', 1_767_225_600_123_456n],
    ['10000-01-01 00:00:00+00', 253_402_300_800_000_000n],
    ['0001-01-01 00:00:00+00 BC', -62_167_219_200_000_000n],
  ])('%s', (text, micros) => {
    expect(BigInt(reader.micros(text)!)).toBe(micros);
  });

  it('sort by moment where their texts do not', () => {
    const texts = ['0044-03-15 00:00:00+00 BC', '0001-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '12026-01-01 00:00:00+00'];
    const moments = texts.map((text) => BigInt(reader.micros(text)!));
    expect(moments).toEqual(moments.toSorted((a, b) => (a < b ? -1 : 1)));
  });
});

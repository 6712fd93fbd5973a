import { describe, expect, it } from 'vitest';
import { type Cast, castShape, castValue } from '../../../src/apply/casts.ts';
import type { DecodedValue } from '../../../src/apply/contracts.ts';
import { field } from './log-double.ts';

const cast = (name: Cast, value: DecodedValue) => castValue(name, value, 'c', (inner) => JSON.stringify(inner));

describe('casts', () => {
  it.each([
    ['epoch-seconds', 0, '1970-01-01 00:00:00.000000+00'],
    ['epoch-millis', 1_700_000_000_123n, '2023-11-14 22:13:20.123000+00'],
    ['epoch-micros', -1, '1969-12-31 23:59:59.999999+00'],
    ['epoch-seconds', -62_135_596_800, '0001-01-01 00:00:00.000000+00'],
    ['epoch-seconds', -62_135_596_801, '0001-12-31 23:59:59.000000+00 BC'],
    ['epoch-seconds', -62_198_755_200, '0002-01-01 00:00:00.000000+00 BC'],
    ['epoch-seconds', 253_402_300_800, '10000-01-01 00:00:00.000000+00'],
    ['microseconds', '2026-01-02 03:04:05.123456789+00', '2026-01-02 03:04:05.123456+00'],
    ['text', 12n, '12'],
    ['text', { a: [1] }, '{"a":[1]}'],
    ['numeric', 0.1, '0.1'],
    ['boolean', 1, true],
    ['boolean', 'no', false],
  ] as const)('%s of %o', (name, value, expected) => {
    expect(cast(name, value as DecodedValue)).toBe(expected);
  });

  it('write a moment as the same moment', () => {
    for (const millis of [0n, 951_782_400_000n, -2_208_988_800_001n, 4_102_444_799_999n]) {
      expect(
        Date.parse(
          String(cast('epoch-millis', millis))
            .replace(' ', 'T')
            .replace(/000\+00$/, 'Z'),
        ),
      ).toBe(Number(millis));
    }
  });

  it('leave null and what is not there', () => {
    expect([cast('epoch-millis', null), castValue('text', undefined, 'c', String)]).toEqual([null, undefined]);
  });

  it.each([
    ['boolean', 'maybe'],
    ['boolean', 2],
    ['epoch-seconds', 2n ** 60n],
  ] as const)('%s of %o is refused with its column', (name, value) => {
    expect(() => cast(name, value)).toThrow(
      expect.objectContaining({ code: 'record_unmappable', message: expect.stringContaining('column c') }),
    );
  });

  it('say which fields they take', () => {
    expect(castShape('epoch-millis', field('f', 'long'))).toMatchObject({ avro: 'long', logical: 'timestamp-millis' });
    expect(castShape('epoch-millis', field('f', 'string'))).toEqual({ why: 'cast epoch-millis does not take string' });
    expect(castShape('microseconds', field('f', 'long', { logical: 'timestamp-nanos' }))).toMatchObject({ logical: 'timestamp-micros' });
    expect(castShape('numeric', field('f', 'array'))).toEqual({ why: 'cast numeric does not take array' });
  });
});

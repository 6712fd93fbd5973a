import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toExactJson } from '../../../src/avro/json.ts';
import { recordDecoder } from '../../../src/avro/record-decoder.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { encode, long, record } from './avsc-reference.ts';
import { shapes } from './shapes.ts';

const decode = (schema: object, bytes: Buffer) => recordDecoder(JSON.stringify(schema), 'schema 1').decode(bytes, 0, bytes.length);
/** One field `x` of a type, from its encoded bytes. */
const field = (type: unknown, bytes: Buffer) => decode(record({ name: 'x', type }), bytes).x;

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof FarshoreError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'nothing thrown';
};

describe('decoding Avro', () => {
  // Of every width: nearly all longs of a flat distribution have ten bytes.
  const longs = fc
    .tuple(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), fc.integer({ min: 0, max: 63 }))
    .map(([value, shift]) => value >> BigInt(shift));

  it('keeps every long exact, where avsc flips the sign below -2^52', () => {
    fc.assert(
      fc.property(longs, (value) => {
        const decoded = field('long', long(value));
        expect(String(decoded)).toBe(String(value));
        expect(typeof decoded).toBe(value >= -(1n << 53n) && value < 1n << 53n ? 'number' : 'bigint');
      }),
      {
        examples: [
          [-4503599627370497n],
          [-(1n << 63n)],
          [(1n << 63n) - 1n],
          [1n << 53n],
          [(1n << 53n) + 1n],
          [(1n << 54n) - 1n],
          [-(1n << 54n) + 1n],
          [(1n << 55n) - 1n],
          [-(1n << 53n)],
          [(1n << 48n) - 1n],
          [-(1n << 48n)],
          [1n << 27n],
          [63n],
          [-64n],
          [64n],
        ],
      },
    );
  });

  it('gives a moment in milliseconds beyond 285 million years to the second', () => {
    const at = (value: bigint) => field({ type: 'long', logicalType: 'timestamp-millis' }, long(value));
    expect(at((1n << 63n) - 1n)).toBe('292278994-08-17 07:12:55.807+00');
    expect(at(-(1n << 63n))).toBe('292275056-05-16 16:47:04.192+00 BC');
  });

  it('reads what avsc wrote, for random schemas and values', () => {
    const cases = shapes.chain((shape) => fc.tuple(fc.constant(shape.type), shape.values));
    fc.assert(
      fc.property(cases, ([type, { sent, decoded }]) => {
        expect(decode(type as object, encode(type, sent))).toEqual(decoded);
      }),
      { numRuns: 300 },
    );
  });

  it('reads a value in the middle of other bytes', () => {
    const decoder = recordDecoder(JSON.stringify(record({ name: 'a', type: 'string' }, { name: 'b', type: 'bytes' })), 's');
    const body = Buffer.from([4, 0x68, 0x69, 4, 1, 2]);
    const bytes = Buffer.concat([Buffer.from('before'), body, Buffer.from('behind')]);
    const value = decoder.decode(bytes, 6, 6 + body.length);
    bytes.fill(0);
    expect(value).toEqual({ a: 'hi', b: Buffer.from([1, 2]) });
  });

  it('reads one record after the other', () => {
    const type = record({ name: 'name', type: 'string' }, { name: 'on', type: { type: 'int', logicalType: 'date' } });
    const decoder = recordDecoder(JSON.stringify(type), 's');
    const rows = [
      { name: 'Oslo', on: 0 },
      { name: 'Lima', on: 1 },
      { name: 'Kyōto', on: 0 },
      { name: 'Łódź', on: -1 },
      { name: 'Osaka', on: 1 },
    ];
    const read = rows.map((row) => decoder.decode(encode(type, row), 0, encode(type, row).length));
    expect(read.map(({ name, on }) => `${name} ${on}`)).toEqual([
      'Oslo 1970-01-01',
      'Lima 1970-01-02',
      'Kyōto 1970-01-01',
      'Łódź 1969-12-31',
      'Osaka 1970-01-02',
    ]);
  });

  it('reads blocks that tell their size', () => {
    const blocks = Buffer.from([3, 4, 2, 4, 2, 6, 0]);
    expect(field({ type: 'array', items: 'int' }, blocks)).toEqual([1, 2, 3]);
  });

  it('makes a field called __proto__ like any other', () => {
    const value = decode(record({ name: '__proto__', type: 'int' }), Buffer.from([14]));
    expect(Object.entries(value)).toEqual([['__proto__', 7]]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('gives a schema that is no record as one field without a name', () => {
    const decoder = recordDecoder('"long"', 's');
    expect(decoder.fields.map(({ name, avro }) => [name, avro])).toEqual([['', 'long']]);
    expect(decoder.decode(Buffer.from([14]), 0, 1)).toEqual({ '': 7 });
    expect(recordDecoder('{"type": "map", "values": "int"}', 's').decode(Buffer.from([0]), 0, 1)).toEqual({ '': {} });
  });

  it.each([
    ['1970-01-01 00:00:00+00', 0n],
    ['1969-12-31 23:59:59.999999+00', -1n],
    ['2026-11-23 06:29:20.000001+00', 1795415360000001n],
    ['0001-01-01 00:00:00+00', -62135596800000000n],
    ['0001-12-31 23:59:59.999999+00 BC', -62135596800000001n],
    ['10000-01-01 00:00:00+00', 253402300800000000n],
    ['294247-01-10 04:00:54.775807+00', (1n << 63n) - 1n],
  ])('gives timestamp-micros as PostgreSQL reads them: %s', (text, micros) => {
    expect(field({ type: 'long', logicalType: 'timestamp-micros' }, long(micros))).toBe(text);
  });

  it('gives the other logical types exactly', () => {
    const at = (logicalType: string, value: bigint) => field({ type: 'long', logicalType }, long(value));
    expect(at('timestamp-millis', -1n)).toBe('1969-12-31 23:59:59.999+00');
    expect(at('local-timestamp-millis', 1500n)).toBe('1970-01-01 00:00:01.500');
    expect(at('timestamp-nanos', 1_000_000_001n)).toBe('1970-01-01 00:00:01.000000001+00');
    expect(at('time-micros', 86_399_999_999n)).toBe('23:59:59.999999');
    expect(field({ type: 'int', logicalType: 'date' }, encode('int', -719_163))).toBe('0001-12-31 BC');
    expect(field({ type: 'int', logicalType: 'date' }, encode('int', 20_000))).toBe('2024-10-04');
    expect(field({ type: 'int', logicalType: 'time-millis' }, encode('int', 1))).toBe('00:00:00.001');
    const duration = Buffer.alloc(12);
    duration.writeUInt32LE(14, 0);
    duration.writeUInt32LE(3, 4);
    duration.writeUInt32LE(4_005, 8);
    expect(field({ type: 'fixed', name: 'D', size: 12, logicalType: 'duration' }, duration)).toBe('P14M3DT4.005S');
    const uuid = Buffer.from('0123456789abcdef0123456789abcdef', 'hex');
    expect(field({ type: 'fixed', name: 'U', size: 16, logicalType: 'uuid' }, uuid)).toBe('01234567-89ab-cdef-0123-456789abcdef');
  });

  it('gives decimals with every digit, of any size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: 0, max: 10 }), (unscaled, scale) => {
        let size = 1;
        while (BigInt.asIntN(size * 8, unscaled) !== unscaled) size++;
        const bytes = Buffer.from(
          BigInt.asUintN(size * 8, unscaled)
            .toString(16)
            .padStart(size * 2, '0'),
          'hex',
        );
        const text = String(field({ type: 'bytes', logicalType: 'decimal', precision: 50, scale }, encode('bytes', bytes)));
        expect(BigInt(text.replace('.', ''))).toBe(unscaled);
        expect(text.includes('.') ? text.split('.')[1]?.length : 0).toBe(scale);
      }),
      {
        examples: [
          [-1n, 4],
          [0n, 2],
          [5n, 3],
          [-(1n << 47n), 0],
        ],
      },
    );
  });

  it('keeps a map key __proto__', () => {
    const bytes = Buffer.concat([Buffer.from([2]), encode('string', '__proto__'), Buffer.from([14, 0])]);
    expect(toExactJson(field({ type: 'map', values: 'int' }, bytes)!)).toBe('{"__proto__":7}');
  });
});

describe('bytes that are no value of their schema', () => {
  it.each([
    ['truncated', 'string', Buffer.from([10, 0x61]), 'ends before'],
    ['with bytes behind', 'int', Buffer.from([2, 0]), '1 bytes follow'],
    ['not UTF-8', 'string', Buffer.from([4, 0xff, 0xfe]), 'UTF-8'],
    ['a surrogate in UTF-8', 'string', Buffer.from([6, 0xed, 0xa0, 0x80]), 'UTF-8'],
    ['an int of 33 bits', 'int', long(1n << 31n), '32 bits'],
    ['an int below 32 bits', 'int', long(-(1n << 31n) - 1n), '32 bits'],
    ['an int in six bytes', 'int', Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0]), 'five bytes'],
    ['a long of 65 bits', 'long', Buffer.from([...Buffer.alloc(9, 0xff), 0x02]), '64 bits'],
    ['an endless varint', 'long', Buffer.alloc(12, 0xff), 'ten bytes'],
    ['not UTF-8 in a long text', 'string', Buffer.concat([long(300n), Buffer.alloc(299, 0x61), Buffer.from([0xff])]), 'UTF-8'],
    ['a decimal without bytes', { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 }, Buffer.from([0]), 'no bytes'],
    ['a time after the day', { type: 'int', logicalType: 'time-millis' }, encode('int', 86_400_001), 'outside the day'],
    ['no symbol', { type: 'enum', name: 'E', symbols: ['A'] }, Buffer.from([4]), 'symbol'],
    ['no branch', ['null', 'int'], Buffer.from([6]), 'branch'],
    ['no boolean', 'boolean', Buffer.from([2]), 'boolean'],
    ['a negative length', 'string', Buffer.from([1]), 'ends before'],
  ] as const)('are malformed: %s', (_, type, bytes, why) => {
    expect(codeOf(() => field(type, bytes))).toMatch(new RegExp(`^record_malformed: .*${why}`));
  });

  it('are malformed or another value, whatever bytes are flipped', () => {
    const cases = shapes.chain((shape) => fc.tuple(fc.constant(shape.type), shape.values, fc.nat(), fc.integer({ min: 1, max: 255 })));
    fc.assert(
      fc.property(cases, ([type, { sent }, at, flip]) => {
        const bytes = encode(type, sent);
        if (bytes.length > 0) bytes[at % bytes.length]! ^= flip;
        expect(codeOf(() => decode(type as object, bytes))).toMatch(/^(record_malformed|nothing thrown)/);
      }),
      { numRuns: 300 },
    );
  });

  it('are malformed wherever they are cut off', () => {
    const cases = shapes.chain((shape) => fc.tuple(fc.constant(shape.type), shape.values, fc.nat()));
    fc.assert(
      fc.property(cases, ([type, { sent }, at]) => {
        const bytes = encode(type, sent);
        if (bytes.length === 0) return;
        expect(codeOf(() => decode(type as object, bytes.subarray(0, at % bytes.length)))).toMatch(/^record_malformed/);
      }),
      { numRuns: 300 },
    );
  });

  it('leave the decoder able to read the next record', () => {
    const decoder = recordDecoder(JSON.stringify({ type: 'record', name: 'N', fields: [{ name: 'next', type: ['null', 'N'] }] }), 's');
    expect(() => decoder.decode(Buffer.alloc(1_000, 2), 0, 1_000)).toThrow(FarshoreError);
    expect(decoder.decode(Buffer.from([2, 0]), 0, 2)).toEqual({ next: { next: null } });
  });

  it('a valid U+FFFD is a character like any other', () => {
    expect(field('string', encode('string', 'a�b'))).toBe('a�b');
  });
});

describe('exact JSON', () => {
  it('keeps longs beyond 2^53 and nested values', () => {
    expect(toExactJson({ a: 9007199254740993n, b: [1.5, null, true, 'x"'], c: Buffer.from('hi'), d: Number.NaN })).toBe(
      '{"a":9007199254740993,"b":[1.5,null,true,"x\\""],"c":"aGk=","d":"NaN"}',
    );
  });
});

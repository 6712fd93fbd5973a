import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordDecoder } from '../../../src/avro/decoders.ts';
import { toExactJson } from '../../../src/avro/json.ts';
import { FarshoreError } from '../../../src/model/errors.ts';

const longType = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

const record = (...fields: readonly object[]) => ({ type: 'record', name: 'R', fields });
const encode = (schema: object | string, value: unknown): Buffer =>
  avro.Type.forSchema(schema as avro.Schema, { registry: { long: longType }, wrapUnions: 'never' }).toBuffer(value);
const decode = (schema: object, bytes: Buffer) => recordDecoder(JSON.stringify(schema), 'schema 1').decode(bytes, 0, bytes.length);
/** One field `x` of a type, from its encoded bytes. */
const field = (type: unknown, bytes: Buffer) => decode(record({ name: 'x', type }), bytes).x;
const long = (value: bigint): Buffer => encode('long', value);

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
  it('keeps every long exact, where avsc flips the sign below -2^52', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), (value) => {
        expect(field('long', long(value))).toBe(value);
      }),
      {
        examples: [
          [-4503599627370497n],
          [-(1n << 63n)],
          [(1n << 63n) - 1n],
          [1n << 53n],
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

  it('agrees with avsc on records of all shapes', () => {
    const schema = record(
      { name: 'b', type: 'boolean' },
      { name: 'i', type: 'int' },
      { name: 'l', type: 'long' },
      { name: 'd', type: 'double' },
      { name: 's', type: 'string' },
      { name: 'y', type: 'bytes' },
      { name: 'n', type: ['null', 'string'] },
      { name: 'e', type: { type: 'enum', name: 'E', symbols: ['A', 'B'] } },
      { name: 'a', type: { type: 'array', items: { type: 'record', name: 'Item', fields: [{ name: 'q', type: 'long' }] } } },
      { name: 'm', type: { type: 'map', values: 'int' } },
      { name: 'again', type: ['null', 'Item'] },
    );
    const value = fc.record({
      b: fc.boolean(),
      i: fc.integer(),
      l: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
      d: fc.double({ noNaN: true }),
      s: fc.string({ unit: 'grapheme' }),
      y: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      n: fc.option(fc.string()),
      e: fc.constantFrom('A', 'B'),
      a: fc.array(fc.record({ q: fc.bigInt({ min: -1000n, max: 1000n }) })),
      m: fc.dictionary(fc.string(), fc.integer()).filter((map) => !Object.hasOwn(map, '__proto__')),
      again: fc.option(fc.record({ q: fc.constant(1n) })),
    });
    fc.assert(
      fc.property(value, (sent) => {
        expect(decode(schema, encode(schema, sent))).toEqual({ ...sent, m: { ...sent.m }, a: sent.a.map((one) => ({ ...one })) });
      }),
    );
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
    expect(field({ type: 'int', logicalType: 'date' }, encode('int', -719_163))).toBe('0000-12-31'.replace('0000', '0001').concat(' BC'));
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
    const bytes = encode({ type: 'map', values: 'int' }, JSON.parse('{"__proto__": 7}'));
    expect(
      toExactJson(
        field({ type: 'map', values: 'int' }, Buffer.concat([Buffer.from([2]), encode('string', '__proto__'), Buffer.from([14, 0])]))!,
      ),
    ).toBe('{"__proto__":7}');
    expect(bytes.length).toBeGreaterThan(0);
  });
});

describe('bytes that are no value of their schema', () => {
  it.each([
    ['truncated', 'string', Buffer.from([10, 0x61]), 'ends before'],
    ['with bytes behind', 'int', Buffer.from([2, 0]), '1 bytes follow'],
    ['not UTF-8', 'string', Buffer.from([4, 0xff, 0xfe]), 'UTF-8'],
    ['a surrogate in UTF-8', 'string', Buffer.from([6, 0xed, 0xa0, 0x80]), 'UTF-8'],
    ['a wide int', 'int', long(1n << 40n), '32 bits'],
    ['an endless varint', 'long', Buffer.alloc(12, 0xff), 'ten bytes'],
    ['no symbol', { type: 'enum', name: 'E', symbols: ['A'] }, Buffer.from([4]), 'symbol'],
    ['no branch', ['null', 'int'], Buffer.from([6]), 'branch'],
    ['no boolean', 'boolean', Buffer.from([2]), 'boolean'],
    ['a negative length', 'string', Buffer.from([1]), 'ends before'],
    ['a bomb of empty items', { type: 'array', items: 'null' }, Buffer.concat([long(2_000_000n), Buffer.from([0])]), 'items'],
  ] as const)('are malformed: %s', (_, type, bytes, why) => {
    expect(codeOf(() => field(type, bytes))).toMatch(new RegExp(`^record_malformed: .*${why}`));
  });

  it('are malformed when nested without end', () => {
    const schema = { type: 'record', name: 'N', fields: [{ name: 'next', type: ['null', 'N'] }] };
    expect(codeOf(() => decode(schema, Buffer.alloc(100_000, 2)))).toContain('nested deeper');
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

import { Reader, Writer } from '@platformatic/kafka';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrayLength, skipTags, wireReader } from '../../../src/kafka/flat-reader.ts';
import { FlatWriter } from '../../../src/kafka/flat-writer.ts';

const uuid = '7d9f6b1e-0000-4000-8000-0123456789ab';
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const length = fc.oneof(fc.constantFrom(0, 127, 128, 16_383, 16_384, 2 ** 28, 2 ** 31 - 1), fc.nat());

/** The same bytes in chunks of a size. */
const inChunks = (bytes: Buffer, size: number): Reader => {
  const chunks = Writer.create();
  for (let at = 0; at < bytes.length; at += size) chunks.append(bytes.subarray(at, at + size));
  return new Reader(chunks.dynamicBuffer);
};

describe('a request in one piece', () => {
  it('has the bytes that the client’s writer makes', () => {
    fc.assert(
      fc.property(int32, int64, length, fc.string({ unit: 'grapheme' }), (a, b, c, text) => {
        const flat = new FlatWriter(100 + 4 * Buffer.byteLength(text))
          .int8(-3)
          .int32(a)
          .int64(b)
          .unsignedVarInt(c)
          .string(text)
          .uuid(uuid)
          .untagged();
        const client = Writer.create().appendInt8(-3).appendInt32(a).appendInt64(b).appendUnsignedVarInt(c);
        expect(flat.written.equals(client.appendString(text).appendUUID(uuid).appendTaggedFields().buffer)).toBe(true);
      }),
    );
  });

  it('throws rather than send less than it was given', () => {
    expect(() => new FlatWriter(4).int32(1).int8(1)).toThrow(RangeError);
    expect(() => new FlatWriter(4).string('longer')).toThrow(RangeError);
    expect(() => new FlatWriter(10).uuid(uuid)).toThrow(RangeError);
    expect(() => new FlatWriter(20).uuid('no uuid')).toThrow(RangeError);
  });
});

describe('an answer', () => {
  it('is read the same from one chunk, from small ones that are joined, and from large ones that are not', () => {
    fc.assert(
      fc.property(int32, int64, length, fc.string({ unit: 'grapheme' }), fc.constantFrom(3, 1_000, 40_000), (a, b, c, text, chunk) => {
        const records = Buffer.alloc(chunk === 3 ? 10 : 100_000, 7);
        const bytes = Writer.create()
          .appendInt32(99)
          .appendInt16(-2)
          .appendInt32(a)
          .appendInt64(b)
          .appendUnsignedVarInt(c)
          .appendString(text)
          .appendUUID(uuid)
          .append(records)
          .appendInt32(5).buffer;
        for (const from of [inChunks(bytes, chunk), inChunks(bytes, bytes.length)]) {
          const reader = wireReader(from.skip(4));
          expect([reader.int16(), reader.int32(), reader.int64(), reader.unsignedVarInt(), reader.string()]).toEqual([-2, a, b, c, text]);
          expect(reader.uuid()).toBe(uuid);
          const into = Buffer.alloc(records.length);
          reader.copy(into);
          expect(into.equals(records)).toBe(true);
          expect(reader.int32()).toBe(5);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('reads null as no entry and as the empty text', () => {
    const reader = wireReader(Reader.from(Buffer.from([0, 0, 1, 3])));
    expect([arrayLength(reader), reader.string(), arrayLength(reader), arrayLength(reader)]).toEqual([0, '', 0, 2]);
  });

  it('passes over tags, and over what is left of one that was read', () => {
    const tags = Buffer.from([2, 0, 6, 0, 0, 0, 9, 1, 1, 5, 2, 8, 8, 42]);
    const seen: number[] = [];
    const reader = wireReader(Reader.from(tags));
    skipTags(reader, (tag) => {
      if (tag !== 0) return 0;
      seen.push(reader.int32());
      return 4;
    });
    expect([...seen, reader.unsignedVarInt()]).toEqual([9, 42]);
  });

  it('throws where it ends too early', () => {
    const reader = (): ReturnType<typeof wireReader> => wireReader(Reader.from(Buffer.from([9, 1])));
    expect(() => reader().int32()).toThrow(RangeError);
    expect(() => reader().skip(3)).toThrow(RangeError);
    expect(() => reader().string()).toThrow(RangeError);
    expect(() => reader().copy(Buffer.alloc(3))).toThrow(RangeError);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VarintReader } from '../../../src/kafka/batch/varint.ts';

/** Kafka's encoding, written with bigints so that nothing is shared with the reader. */
function encoded(value: bigint, bits: bigint): Buffer {
  let rest = BigInt.asUintN(Number(bits), (value << 1n) ^ (value >> (bits - 1n)));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}

describe('VarintReader', () => {
  it('reads every int32', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (value) => {
        const reader = new VarintReader(encoded(BigInt(value), 32n));
        expect(reader.int()).toBe(value);
        expect(reader.position).toBe(reader.bytes.length);
      }),
    );
  });

  it('reads every int64 that a number holds exactly', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const reader = new VarintReader(encoded(BigInt(value), 64n));
        expect(reader.long()).toBe(value);
        expect(reader.position).toBe(reader.bytes.length);
      }),
    );
  });

  it('reads the extremes of int64 as the nearest number', () => {
    expect(new VarintReader(encoded(-(2n ** 63n), 64n)).long()).toBe(-(2 ** 63));
    expect(new VarintReader(encoded(2n ** 63n - 1n, 64n)).long()).toBe(2 ** 63);
  });

  it.each(['int', 'long'] as const)('reports an %s that ends too early or never', (kind) => {
    const corrupt = expect.objectContaining({ code: 'batch_corrupt' });
    expect(() => new VarintReader(Buffer.alloc(0))[kind]()).toThrow(corrupt);
    expect(() => new VarintReader(Buffer.from([0x80]))[kind]()).toThrow(corrupt);
    expect(() => new VarintReader(Buffer.from([0x80, 0x80, 0x01]), 0, 2)[kind]()).toThrow(corrupt);
    expect(() => new VarintReader(Buffer.alloc(20, 0xff))[kind]()).toThrow(corrupt);
  });
});

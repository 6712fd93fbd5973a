import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compress, decompress } from '../../../src/kafka/batch/codecs.ts';
import { lz4Size } from '../../../src/kafka/batch/lz4-frame.ts';
import { snappySize } from '../../../src/kafka/batch/snappy-frame.ts';
import { codecs } from '../../../src/model/batch.ts';

const compressing = codecs.filter((codec) => codec !== 'none');
const text = (times: number): Buffer => Buffer.from('the same words again and again; '.repeat(times));

describe.each(codecs)('codec %s', (codec) => {
  it('gives back what it was given', () => {
    const any = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 5_000 }).map((bytes) => Buffer.from(bytes)),
      fc.integer({ min: 1, max: 20_000 }).map(text),
    );
    fc.assert(
      fc.property(any, (bytes) => decompress(codec, compress(codec, bytes), bytes.length).equals(bytes)),
      { numRuns: 40 },
    );
  });
});

describe.each(compressing)('codec %s', (codec) => {
  it('stops at the limit before it writes out more', () => {
    const bytes = text(100_000);
    expect(() => decompress(codec, compress(codec, bytes), bytes.length - 1)).toThrow(expect.objectContaining({ code: 'memory_limit' }));
  });

  it('reports damaged bytes', () => {
    const bytes = compress(codec, text(1_000));
    expect(() => decompress(codec, bytes.subarray(0, bytes.length - 5), 1 << 20)).toThrow(
      expect.objectContaining({ code: 'batch_corrupt' }),
    );
    expect(() => decompress(codec, Buffer.alloc(40, 0xa5), 1 << 20)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/batch_corrupt|memory_limit/) }),
    );
  });
});

describe('snappy', () => {
  it('reads one raw block without the frame of snappy-java', () => {
    const raw = Buffer.from([5, 16, 0x68, 0x65, 0x6c, 0x6c, 0x6f]);
    expect(decompress('snappy', raw, 100).toString()).toBe('hello');
  });

  it('knows the size of many blocks without writing them out', () => {
    const bytes = text(10_000);
    expect(snappySize(compress('snappy', bytes))).toBe(bytes.length);
  });
});

describe('lz4', () => {
  it('counts the exact size only where the sum of the block limits is too much', () => {
    const bytes = text(10_000);
    const frame = compress('lz4', bytes);
    expect(lz4Size(frame, 64 << 20)).toBeGreaterThan(bytes.length);
    expect(lz4Size(frame, 1)).toBe(bytes.length);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compress, decompress } from '../../../src/kafka/batch/codecs.ts';
import { lz4Size } from '../../../src/kafka/batch/lz4-frame.ts';
import { snappyBlocks, snappySize } from '../../../src/kafka/batch/snappy-frame.ts';
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
    expect(snappySize(snappyBlocks(compress('snappy', bytes)))).toBe(bytes.length);
  });
});

describe('lz4', () => {
  it('knows the size without writing it out', () => {
    const bytes = text(10_000);
    expect(lz4Size(compress('lz4', bytes))).toBe(bytes.length);
  });

  it('reads blocks that reach into the one before, and those that are not compressed', () => {
    const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0x00]);
    const plain = Buffer.from([5, 0, 0, 0x80, ...Buffer.from('hello')]);
    // No literals, four bytes from five ago; then the literal that ends a block.
    const linked = Buffer.from([5, 0, 0, 0, 0x00, 5, 0, 0x10, 0x21]);
    expect(decompress('lz4', Buffer.concat([header, plain, linked, Buffer.alloc(4)]), 100).toString()).toBe('hellohell!');
  });

  it('ends at the end mark: a second frame cannot hide a bomb', () => {
    const frames = Buffer.concat([compress('lz4', text(1)), compress('lz4', text(100_000))]);
    expect(decompress('lz4', frames, 1_000)).toEqual(text(1));
  });
});

describe.each(['snappy', 'lz4'] as const)('%s', (codec) => {
  const words = fc.constantFrom('a', 'ab', 'the same ', 'words '.repeat(20), '\u0000'.repeat(300));
  const bodies = fc.oneof(
    fc.array(fc.oneof(words, fc.string({ maxLength: 80 })), { maxLength: 300 }).map((parts) => Buffer.from(parts.join(''))),
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 9_000 })).map(([bytes, times]) => {
      const once = Buffer.from(bytes);
      return Buffer.concat(Array.from({ length: times }, () => once));
    }),
  );

  it('gives back what the library wrote, byte for byte', () => {
    fc.assert(
      fc.property(bodies, (bytes) => bytes.length === 0 || decompress(codec, compress(codec, bytes), bytes.length).equals(bytes)),
      { numRuns: 300 },
    );
  });

  it('of damaged bytes gives an error or other bytes, and never more than the limit', () => {
    const damages = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(bodies, damages, (bytes, bits) => {
        if (bytes.length === 0) return;
        const damaged = Buffer.from(compress(codec, bytes));
        for (const [at, value] of bits) damaged[at % damaged.length] = value;
        try {
          expect(decompress(codec, damaged, 1 << 20).length).toBeLessThanOrEqual(1 << 20);
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^(batch_corrupt|memory_limit)$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('damaged LZ4', () => {
  it('is refused again and again without keeping memory, and good bytes are read after it', () => {
    const whole = text(400_000);
    const good = compress('lz4', whole);
    const before = process.memoryUsage().rss;
    let refused = 0;
    for (let i = 0; i < 60; i++) {
      const damaged = Buffer.from(good);
      // The lengths at the end of the last block: most of it is well-formed.
      damaged[good.length - 10 - i]! ^= 0x55;
      try {
        decompress('lz4', damaged, 16 << 20);
      } catch {
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(30);
    expect(decompress('lz4', good, 16 << 20).equals(whole)).toBe(true);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 << 20);
  }, 30_000);
});

describe('a bomb of a thousand to one', () => {
  it.each(compressing)('is within the limit or refused before it is written out: %s', (codec) => {
    const bomb = compress(codec, Buffer.alloc(48 << 20));
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 10; i++) {
      expect(() => decompress(codec, bomb, 1 << 20)).toThrow(expect.objectContaining({ code: 'memory_limit' }));
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20);
  });

  it('of snappy says no more than its bytes can be', () => {
    const claim = Buffer.from([0xff, 0xff, 0xff, 0x1f, 0]);
    expect(() => decompress('snappy', claim, 1 << 30)).toThrow(expect.objectContaining({ code: 'batch_corrupt' }));
  });
});

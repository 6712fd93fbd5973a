import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { compressionsAlgorithms } from '@platformatic/kafka';
import type { Codec } from '../../model/batch.ts';
import { FarshoreError } from '../../model/errors.ts';
import { lz4Size, unlz4 } from './lz4-frame.ts';
import { snappyBlocks, snappySize, xerialFrame } from './snappy-frame.ts';

/** Undoes a codec. Throws `memory_limit` before more than `maxBytes` are written out, `batch_corrupt` for damaged bytes. */
export type Decompress = (codec: Codec, bytes: Buffer, maxBytes: number) => Buffer;

export const decompress: Decompress = (codec, bytes, maxBytes) => {
  try {
    switch (codec) {
      case 'none':
        within(maxBytes, bytes.length);
        return bytes;
      case 'gzip':
        return gunzipSync(bytes, { maxOutputLength: maxBytes });
      case 'zstd':
        return zstdDecompressSync(bytes, { maxOutputLength: maxBytes });
      case 'snappy': {
        const blocks = snappyBlocks(bytes);
        within(maxBytes, snappySize(blocks));
        return unsnappy(blocks);
      }
      case 'lz4':
        return unlz4(bytes, within(maxBytes, lz4Size(bytes)));
    }
  } catch (error) {
    if (error instanceof FarshoreError) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes, undefined);
    throw new FarshoreError('batch_corrupt', `The records cannot be decompressed as ${codec}: ${reasonOf(error)}`, { cause: error });
  }
};

/** Compresses as Kafka's Java client would read it: snappy in xerial's framing, LZ4 in independent blocks. */
export function compress(codec: Codec, bytes: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return bytes;
    case 'gzip':
      return gzipSync(bytes);
    case 'zstd':
      return zstdCompressSync(bytes);
    case 'snappy':
      return xerialFrame(bytes, (block) => Buffer.from(compressionsAlgorithms.snappy.compressSync(block)));
    case 'lz4':
      return Buffer.from(compressionsAlgorithms.lz4.compressSync(bytes));
  }
}

function unsnappy(raw: readonly Buffer[]): Buffer {
  const blocks = raw.map((block) => Buffer.from(compressionsAlgorithms.snappy.decompressSync(block)));
  return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks);
}

function within(maxBytes: number, size: number): number {
  if (size > maxBytes) throw tooLarge(maxBytes, size);
  return size;
}

function tooLarge(maxBytes: number, size: number | undefined): FarshoreError {
  const found = size === undefined ? `more than ${maxBytes}` : String(size);
  return new FarshoreError('memory_limit', `A batch holds ${found} bytes when decompressed; the limit is ${maxBytes}`, {
    hint: 'Raise limits.maxDecompressedBytes.',
    facts: { maxBytes, ...(size === undefined ? {} : { bytes: size }) },
  });
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

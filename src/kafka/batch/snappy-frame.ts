import { FarshoreError } from '../../model/errors.ts';

/** Frame of xerial's snappy-java, which Kafka uses: magic, version and compatible version (int32 each), then blocks of length and bytes. */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const HEADER_BYTES = 16;
const BLOCK_BYTES = 32 * 1024;

/** The raw snappy blocks of a frame; bytes without the frame are one raw block, as some clients write. */
export function snappyBlocks(bytes: Buffer): Buffer[] {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return [bytes];
  const blocks: Buffer[] = [];
  let at = HEADER_BYTES;
  while (at < bytes.length) {
    // An appended stream begins with a header of its own.
    if (bytes.subarray(at, at + MAGIC.length).equals(MAGIC)) {
      at += HEADER_BYTES;
      continue;
    }
    if (at + 4 > bytes.length) throw cut();
    const length = bytes.readInt32BE(at);
    if (length < 0 || at + 4 + length > bytes.length) throw cut();
    blocks.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return blocks;
}

/** A copy of 64 bytes takes three; nothing is denser. */
const MOST_EXPANSION = 22;

/** Decompressed size: each raw block says its own in front, and is believed only as far as its bytes can go. The decoder takes the memory at once. */
export function snappySize(blocks: readonly Buffer[]): number {
  let total = 0;
  for (const block of blocks) {
    const size = rawSize(block);
    if (size > block.length * MOST_EXPANSION)
      throw new FarshoreError('batch_corrupt', 'A snappy block says it is larger than its bytes can be');
    total += size;
  }
  return total;
}

function rawSize(block: Buffer): number {
  let size = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block[i];
    if (byte === undefined) break;
    size += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return size;
  }
  throw new FarshoreError('batch_corrupt', 'A snappy block does not say its size');
}

export function xerialFrame(bytes: Buffer, compressBlock: (block: Buffer) => Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeInt32BE(1, 8);
  header.writeInt32BE(1, 12);
  const parts: Buffer[] = [header];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = compressBlock(bytes.subarray(at, at + BLOCK_BYTES));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

const cut = (): FarshoreError => new FarshoreError('batch_corrupt', 'A snappy block is cut short');

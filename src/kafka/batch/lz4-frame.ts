import { FarshoreError } from '../../model/errors.ts';

const MAGIC = 0x184d2204;
const UNCOMPRESSED = 0x8000_0000;
const MIN_MATCH = 4;

/**
 * Upper bound of an LZ4 frame's decompressed size when that is within `maxBytes`, else the exact size. The
 * decoder has no limit of its own, and a few bytes can stand for gigabytes: block maxima are added up
 * first, and only where they say too much are the blocks' sequences counted, without writing them out.
 */
export function lz4Size(frame: Buffer, maxBytes: number): number {
  const bound = sizeOf(frame, (_block, blockMax) => blockMax);
  return bound <= maxBytes ? bound : sizeOf(frame, decodedSize);
}

function sizeOf(frame: Buffer, sizeOfBlock: (block: Buffer, blockMax: number) => number): number {
  if (frame.length < 7 || frame.readUInt32LE(0) !== MAGIC) throw damaged('it does not begin like a frame');
  const flags = frame[4]!;
  const blockMax = 2 ** (8 + 2 * ((frame[5]! >> 4) & 0x07));
  const blockChecksumBytes = (flags & 0x10) === 0 ? 0 : 4;
  let at = 7 + ((flags & 0x08) === 0 ? 0 : 8) + ((flags & 0x01) === 0 ? 0 : 4);
  let total = 0;
  for (;;) {
    if (at + 4 > frame.length) throw damaged('it ends without an end mark');
    const word = frame.readUInt32LE(at);
    at += 4;
    if (word === 0) return total;
    const length = word & 0x7fff_ffff;
    if (at + length > frame.length) throw damaged('a block is cut short');
    total += word >= UNCOMPRESSED ? length : sizeOfBlock(frame.subarray(at, at + length), blockMax);
    at += length + blockChecksumBytes;
  }
}

/** Literals and match lengths of a block's sequences. */
function decodedSize(block: Buffer): number {
  let at = 0;
  let total = 0;
  const extended = (nibble: number): number => {
    let length = nibble;
    if (nibble < 15) return length;
    for (;;) {
      const byte = block[at++];
      if (byte === undefined) throw damaged('a sequence is cut short');
      length += byte;
      if (byte < 255) return length;
    }
  };
  while (at < block.length) {
    const token = block[at++]!;
    const literals = extended(token >> 4);
    total += literals;
    at += literals;
    if (at >= block.length) return total;
    at += 2;
    total += extended(token & 0x0f) + MIN_MATCH;
  }
  return total;
}

const damaged = (what: string): FarshoreError => new FarshoreError('batch_corrupt', `The LZ4 frame is damaged: ${what}`);

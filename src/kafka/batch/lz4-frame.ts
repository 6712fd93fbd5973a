import { FarshoreError } from '../../model/errors.ts';

const MAGIC = 0x184d2204;
const UNCOMPRESSED = 0x8000_0000;
const MIN_MATCH = 4;
/** Below this a loop is faster than a call. */
const LOOP_BYTES = 64;

/**
 * Decompressed size of an LZ4 frame. A few bytes can stand for gigabytes: the blocks' sequences are counted without
 * writing them out. What follows the end mark is not read, as Kafka's Java client does not.
 */
export function lz4Size(frame: Buffer): number {
  let total = 0;
  eachBlock(frame, (start, end, compressed) => {
    total += compressed ? blockSize(frame, start, end) : end - start;
  });
  return total;
}

/**
 * Writes a frame out, `size` bytes as `lz4Size` says. Our own, for the library's decoder keeps the memory of every damaged frame it
 * meets: after some sixty of them (a damaged batch is looked at again and again) no frame could be read any more. The checksums inside
 * the frame are not looked at: the batch has its own over all of it.
 */
export function unlz4(frame: Buffer, size: number): Buffer {
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  eachBlock(frame, (start, end, compressed) => {
    if (compressed) {
      at = writeBlock(frame, start, end, out, at);
    } else {
      copyAcross(out, at, frame, start, end - start);
      at += end - start;
    }
  });
  return out;
}

function eachBlock(frame: Buffer, visit: (start: number, end: number, compressed: boolean) => void): void {
  if (frame.length < 7 || frame.readUInt32LE(0) !== MAGIC) throw damaged('it does not begin like a frame');
  const flags = frame[4]!;
  if (flags >> 6 !== 1) throw damaged('its version is unknown');
  if ((flags & 0x01) !== 0) throw damaged('it needs a dictionary');
  const blockChecksumBytes = (flags & 0x10) === 0 ? 0 : 4;
  let at = 7 + ((flags & 0x08) === 0 ? 0 : 8);
  for (;;) {
    if (at + 4 > frame.length) throw damaged('it ends without an end mark');
    const word = frame.readUInt32LE(at);
    at += 4;
    if (word === 0) return;
    const end = at + (word & 0x7fff_ffff);
    if (end > frame.length) throw damaged('a block is cut short');
    visit(at, end, word < UNCOMPRESSED);
    at = end + blockChecksumBytes;
  }
}

/** Literals and match lengths of a block's sequences. */
function blockSize(frame: Buffer, start: number, end: number): number {
  let at = start;
  let total = 0;
  while (at < end) {
    const token = frame[at++]!;
    let literals = token >> 4;
    if (literals === 15) {
      for (let byte = 255; byte === 255; literals += byte) {
        if (at >= end) throw cut();
        byte = frame[at++]!;
      }
    }
    total += literals;
    at += literals;
    if (at > end) throw cut();
    // The last sequence has literals only.
    if (at === end) return total;
    at += 2;
    let match = token & 0x0f;
    if (match === 15) {
      for (let byte = 255; byte === 255; match += byte) {
        if (at >= end) throw cut();
        byte = frame[at++]!;
      }
    }
    total += match + MIN_MATCH;
  }
  throw cut();
}

/** As `blockSize`, which found the lengths to lie inside. Matches may reach into the blocks before. Answers where it ends. */
function writeBlock(frame: Buffer, start: number, end: number, out: Buffer, outStart: number): number {
  let at = start;
  let to = outStart;
  for (;;) {
    const token = frame[at++]!;
    let literals = token >> 4;
    if (literals === 15) {
      for (let byte = 255; byte === 255; literals += byte) byte = frame[at++]!;
    }
    copyAcross(out, to, frame, at, literals);
    to += literals;
    at += literals;
    if (at === end) return to;
    const distance = frame[at]! | (frame[at + 1]! << 8);
    at += 2;
    if (distance === 0 || distance > to) throw damaged('a match reaches before its beginning');
    let match = token & 0x0f;
    if (match === 15) {
      for (let byte = 255; byte === 255; match += byte) byte = frame[at++]!;
    }
    match += MIN_MATCH;
    copyBack(out, to, distance, match);
    to += match;
  }
}

/** Copies `length` bytes of what was written `distance` bytes ago, which may reach into what is being written. */
function copyBack(out: Buffer, at: number, distance: number, length: number): void {
  const from = at - distance;
  if (length <= LOOP_BYTES) {
    for (let i = 0; i < length; i++) out[at + i] = out[from + i]!;
  } else if (distance === 1) {
    out.fill(out[from]!, at, at + length);
  } else {
    // Each round doubles what may be copied at once.
    for (let done = 0; done < length; ) {
      const part = Math.min(length - done, distance + done);
      out.copyWithin(at + done, from, from + part);
      done += part;
    }
  }
}

/** Copies bytes of the input as they are. */
function copyAcross(out: Buffer, at: number, bytes: Buffer, from: number, length: number): void {
  if (length <= LOOP_BYTES) for (let i = 0; i < length; i++) out[at + i] = bytes[from + i]!;
  else bytes.copy(out, at, from, from + length);
}

const damaged = (what: string): FarshoreError => new FarshoreError('batch_corrupt', `The LZ4 frame is damaged: ${what}`);
const cut = (): FarshoreError => damaged('a sequence is cut short');

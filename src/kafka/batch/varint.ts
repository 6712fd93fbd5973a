import { FarshoreError } from '../../model/errors.ts';

const TWO_28 = 2 ** 28;

/**
 * Reads zigzag varints one after the other. A record has seven of them, most of one byte: they are
 * decoded into plain numbers, never into bigints. Reading past `limit` throws `batch_corrupt`.
 */
export class VarintReader {
  readonly bytes: Buffer;
  readonly limit: number;
  position: number;

  constructor(bytes: Buffer, position = 0, limit: number = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.limit = limit;
  }

  /** A zigzag int32. */
  int(): number {
    const { bytes, limit } = this;
    let at = this.position;
    if (at >= limit) throw pastEnd(at);
    let byte = bytes[at++]!;
    if (byte < 0x80) {
      this.position = at;
      return (byte >>> 1) ^ -(byte & 1);
    }
    let value = byte & 0x7f;
    for (let shift = 7; ; shift += 7) {
      if (at >= limit) throw pastEnd(at);
      byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
      if (shift === 28) throw new FarshoreError('batch_corrupt', `A varint at byte ${this.position} is longer than 5 bytes`);
    }
    this.position = at;
    return (value >>> 1) ^ -(value & 1);
  }

  /** A zigzag int64 as a number: exact below 2^53, the nearest double above. */
  long(): number {
    const { bytes, limit } = this;
    let at = this.position;
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= limit) throw pastEnd(at);
      const byte = bytes[at++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = at;
        return (low >>> 1) ^ -(low & 1);
      }
    }
    let high = 0;
    let factor = 1;
    for (let read = 4; ; read++) {
      if (at >= limit) throw pastEnd(at);
      if (read === 10) throw new FarshoreError('batch_corrupt', `A varint at byte ${this.position} is longer than 10 bytes`);
      const byte = bytes[at++]!;
      high += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      factor *= 0x80;
    }
    this.position = at;
    // value = high * 2^28 + low; zigzag: an even one is value / 2, an odd one -(value + 1) / 2.
    const half = high * (TWO_28 / 2) + (low >>> 1);
    return (low & 1) === 0 ? half : -half - 1;
  }
}

const pastEnd = (at: number): FarshoreError =>
  new FarshoreError('batch_corrupt', `The records end in the middle of a varint at byte ${at}`);

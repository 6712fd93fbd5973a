import { isUtf8 } from 'node:buffer';

/** Why bytes are no Avro value; the decoder puts place and schema to it. */
export class MalformedValue extends Error {
  override readonly name = 'MalformedValue';
}

const REPLACEMENT = '�';

/**
 * A reading position over one record's body. `end` is exclusive and lies inside a larger buffer, so
 * every length is checked against it: what follows belongs to another record.
 */
export class Cursor {
  bytes: Buffer;
  pos: number;
  end: number;
  /** Records entered and not left: bounds nesting. */
  depth = 0;

  constructor(bytes: Buffer, pos: number, end: number) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  /** Starts over at another body. */
  reset(bytes: Buffer, pos: number, end: number): void {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
    this.depth = 0;
  }

  #truncated(): never {
    throw new MalformedValue('the value ends before its schema does');
  }

  /** A long as a number where all its bits fit exactly, else as a bigint. */
  long(): number | bigint {
    const { bytes } = this;
    const start = this.pos;
    if (start >= this.end) this.#truncated();
    let byte = bytes[this.pos++]!;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let low = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      if (this.pos >= this.end) this.#truncated();
      byte = bytes[this.pos++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    let middle = 0;
    for (let shift = 0; shift < 21; shift += 7) {
      if (this.pos >= this.end) this.#truncated();
      byte = bytes[this.pos++]!;
      middle |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        // At most 49 bits: exact in a double.
        const raw = low + middle * 0x1000_0000;
        return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
      }
    }
    return this.#wideLong(start);
  }

  #wideLong(start: number): bigint {
    let raw = 0n;
    let pos = start;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (pos >= this.end) this.#truncated();
      const byte = this.bytes[pos++]!;
      raw |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (raw >= 1n << 64n) throw new MalformedValue('a long has more than 64 bits');
        this.pos = pos;
        return (raw >> 1n) ^ -(raw & 1n);
      }
    }
    throw new MalformedValue('a long has more than ten bytes');
  }

  int(): number {
    const value = this.long();
    if (typeof value === 'bigint' || value > 0x7fff_ffff || value < -0x8000_0000) throw new MalformedValue('an int has more than 32 bits');
    return value;
  }

  /** A length or a count: never negative, never more than what is left. */
  length(): number {
    const value = this.long();
    if (typeof value === 'bigint' || value < 0 || value > this.end - this.pos) this.#truncated();
    return value;
  }

  /** Moves over `count` bytes and answers where they start. */
  take(count: number): number {
    const start = this.pos;
    if (count > this.end - start) this.#truncated();
    this.pos = start + count;
    return start;
  }

  text(): string {
    const length = this.length();
    const start = this.take(length);
    const text = this.bytes.toString('utf8', start, start + length);
    // Node replaces what is not UTF-8. A replacement that was sent as such is valid; only then are the bytes looked at.
    if (text.includes(REPLACEMENT) && !isUtf8(this.bytes.subarray(start, start + length)))
      throw new MalformedValue('a string is not valid UTF-8');
    return text;
  }

  boolean(): boolean {
    const byte = this.bytes[this.take(1)]!;
    if (byte > 1) throw new MalformedValue('a boolean is neither 0 nor 1');
    return byte === 1;
  }
}

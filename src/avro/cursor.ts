import { isUtf8 } from 'node:buffer';
import type { TextSink } from '../apply/contracts.ts';
import { decodeLimits } from './limits.ts';

/** Why bytes are no Avro value; the decoder puts place and schema to it. */
export class MalformedValue extends Error {
  override readonly name = 'MalformedValue';
}

const REPLACEMENT = '\uFFFD';
/** Strings up to this length are cut out of the body's text, when the body is small too. */
const MAX_CUT_BYTES = 256;
const MAX_CUT_BODY_BYTES = 4_096;
const { maxBodyBytes, maxValues, maxEmptyValues, maxDepth, maxWrittenLength } = decodeLimits;

/**
 * A reading position over one record's body. `end` is exclusive and lies inside a larger buffer, so
 * every length is checked against it: what follows belongs to another record.
 */
export class Cursor {
  bytes: Buffer;
  pos: number;
  end: number;
  #start: number;
  /** The body as Latin-1, made for its first short string. */
  #body: string | undefined;
  #depth = 0;
  #values = 0;
  #emptyValues = 0;
  #written = 0;

  constructor(bytes: Buffer, pos: number, end: number) {
    this.bytes = bytes;
    this.#start = pos;
    this.pos = pos;
    this.end = end;
  }

  /** Starts over at another body. Throws when it is too large. */
  reset(bytes: Buffer, pos: number, end: number): void {
    if (end - pos > maxBodyBytes) throw new MalformedValue(`it has ${end - pos} bytes, more than ${maxBodyBytes}`);
    this.bytes = bytes;
    this.#start = pos;
    this.pos = pos;
    this.end = end;
    this.#body = undefined;
    this.#depth = 0;
    this.#values = 0;
    this.#emptyValues = 0;
    this.#written = 0;
  }

  #truncated(): never {
    throw new MalformedValue('the value ends before its schema does');
  }

  /** A long as a number where that is exact, else as a bigint. */
  long(): number | bigint {
    const { bytes, end } = this;
    const start = this.pos;
    if (start >= end) this.#truncated();
    let pos = start;
    let byte = bytes[pos++]!;
    if (byte < 0x80) {
      this.pos = pos;
      return (byte >>> 1) ^ -(byte & 1);
    }
    let low = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      if (pos >= end) this.#truncated();
      byte = bytes[pos++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.pos = pos;
        return (low >>> 1) ^ -(low & 1);
      }
    }
    let middle = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (pos >= end) this.#truncated();
      byte = bytes[pos++]!;
      middle |= (byte & 0x7f) << shift;
      // Up to 2^53 a double holds every whole number: microseconds of this era take eight bytes and stay numbers.
      if (byte < 0x80 && middle < 0x400_0000) {
        this.pos = pos;
        const half = (low >>> 1) + middle * 0x800_0000;
        return (low & 1) === 0 ? half : -half - 1;
      }
      if (byte < 0x80) break;
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
    const start = this.pos;
    const value = this.long();
    if (this.pos - start > 5) throw new MalformedValue('an int has more than five bytes');
    // Five bytes hold 35 bits.
    if (typeof value === 'bigint' || value > 0x7fff_ffff || value < -0x8000_0000) throw new MalformedValue('an int has more than 32 bits');
    return value;
  }

  /** A length or a count of bytes: never negative, never more than what is left. */
  length(): number {
    const value = this.long();
    if (typeof value === 'bigint' || value < 0 || value > this.end - this.pos) this.#truncated();
    return value;
  }

  /** Items in the next block of an array or map; 0 ends it. */
  blockCount(): number {
    let count = Number(this.long());
    // A negative count comes with the block's size, for readers that skip it.
    if (count < 0) {
      this.length();
      count = -count;
    }
    this.#count(count);
    return count;
  }

  /** A record, array or map begins, or a record of so many fields. Those of the outermost are as many as its schema says. */
  enter(fields = 0): void {
    if (++this.#depth > maxDepth) throw new MalformedValue(`its values are nested deeper than ${maxDepth}`);
    if (this.#depth > 1) this.#count(fields);
  }

  /** What began at `start` ends. */
  leave(start: number, fields = 0): void {
    if (--this.#depth > 0 && this.pos === start) this.empty(fields);
  }

  /** These took no byte: only their number bounds them. */
  empty(values: number): void {
    this.#emptyValues += values;
    if (this.#emptyValues > maxEmptyValues) throw new MalformedValue(`it has more than ${maxEmptyValues} values without a byte`);
  }

  /** So many characters that the body does not hold come with what is read now. */
  written(characters: number): void {
    this.#written += characters;
    if (this.#written > maxWrittenLength) throw new MalformedValue(`it is written out with more than ${maxWrittenLength} characters`);
  }

  #count(values: number): void {
    this.#values += values;
    if (this.#values > maxValues) throw new MalformedValue(`it has more than ${maxValues} items and fields of nested records`);
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
    const start = this.pos;
    const end = start + length;
    this.pos = end;
    if (length === 0) return '';
    if (length <= MAX_CUT_BYTES && this.end - this.#start <= MAX_CUT_BODY_BYTES && isAscii(this.bytes, start, end)) {
      // A call into Node's decoder costs more than the decoding: one for the body, then each string is a part of it.
      this.#body ??= this.bytes.toString('latin1', this.#start, this.end);
      return this.#body.slice(start - this.#start, end - this.#start);
    }
    const text = this.bytes.toString('utf8', start, end);
    // Node replaces what is not UTF-8. A replacement that was sent as such is valid; only then are the bytes looked at.
    if (text.includes(REPLACEMENT) && !isUtf8(this.bytes.subarray(start, end))) throw new MalformedValue('a string is not valid UTF-8');
    return text;
  }

  /** As `text`, into a sink, and mostly without a string in between. */
  textTo(sink: TextSink): void {
    const before = this.pos;
    const length = this.length();
    const start = this.pos;
    if (sink.pushAscii(this.bytes, start, start + length)) {
      this.pos = start + length;
      return;
    }
    this.pos = before;
    sink.push(this.text());
  }

  boolean(): boolean {
    const byte = this.bytes[this.take(1)]!;
    if (byte > 1) throw new MalformedValue('a boolean is neither 0 nor 1');
    return byte === 1;
  }
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! >= 0x80) return false;
  return true;
}

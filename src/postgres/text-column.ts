import type { ArrayElement, ArrayText } from '../apply/dependencies.ts';
import { elementText } from './array-literal.ts';

const OPEN = 0x7b;
const CLOSE = 0x7d;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const MINUS = 0x2d;
const FIRST_BYTES = 16_384;
const FIRST_ELEMENTS = 512;
/** From this length on the driver's own conversion is faster than a loop. */
const LONG_TEXT = 256;

/**
 * The elements of one array parameter, written as PostgreSQL reads them while a batch is decoded: `{"a",NULL,1}` as bytes. Kept as
 * JavaScript values until the batch was sent, they lived through several rounds of the garbage collector, which then copied
 * most of what it had looked at: a third of apply's CPU. An element costs no object here, and its bytes are sent from where they lie.
 */
export class TextColumn implements ArrayText {
  #bytes: Buffer;
  #at = 1;
  #count = 0;
  /** Where each element ends. A list of numbers would be memory that the garbage collector looks at: 100 bytes a row of 12 columns. */
  #ends: Int32Array;

  /** Memory for what is expected, so that it need not grow: growing takes twice the memory, and copies it. */
  constructor(expected: { readonly bytes: number; readonly count: number } = { bytes: FIRST_BYTES, count: FIRST_ELEMENTS }) {
    this.#bytes = Buffer.allocUnsafeSlow(expected.bytes + 2);
    this.#ends = new Int32Array(expected.count);
    this.#bytes[0] = OPEN;
  }

  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#at;
  }

  /** Throws `record_unmappable` for a text with a NUL; `truncate` then takes back what was begun. */
  push(element: ArrayElement): void {
    this.#comma();
    if (typeof element === 'string') this.#quoted(element);
    else if (typeof element === 'number' && element === (element | 0) && element !== 0) this.#int(element);
    else this.#ascii(element === null ? 'NULL' : elementText(element));
    this.#end();
  }

  pushAscii(bytes: Buffer, start: number, end: number): boolean {
    this.#reserve(2 * (end - start) + 3);
    const own = this.#bytes;
    let at = this.#at;
    if (this.#count > 0) own[at++] = COMMA;
    own[at++] = QUOTE;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      if (byte >= 0x80 || byte === 0) return false;
      if (byte === QUOTE || byte === BACKSLASH) own[at++] = BACKSLASH;
      own[at++] = byte;
    }
    own[at++] = QUOTE;
    this.#at = at;
    this.#end();
    return true;
  }

  truncate(count: number): void {
    if (count > this.#count) return;
    // Also where the count is the same: an element that was refused half-way has left its comma.
    this.#count = count;
    this.#at = count === 0 ? 1 : this.#ends[count - 1]!;
  }

  same(a: number, b: number): boolean {
    const start = this.#startOf(a);
    return this.#bytes.compare(this.#bytes, this.#startOf(b), this.#ends[b], start, this.#ends[a]) === 0;
  }

  order(a: number, b: number): number {
    // Behind the quote of each.
    const [first, second] = [this.#startOf(a) + 1, this.#startOf(b) + 1];
    const [firstEnd, secondEnd] = [this.#ends[a]! - 1, this.#ends[b]! - 1];
    const bytes = this.#bytes;
    const length = Math.min(firstEnd - first, secondEnd - second);
    for (let i = 0; i < length; i++) {
      const difference = bytes[first + i]! - bytes[second + i]!;
      if (difference !== 0) return difference < 0 ? -1 : i + 1;
    }
    return firstEnd - first < secondEnd - second ? -1 : length + 1;
  }

  text(row: number): string {
    return this.#bytes.toString('latin1', this.#startOf(row) + 1, this.#ends[row]! - 1);
  }

  pick(rows: readonly number[]): TextColumn {
    let bytes = 0;
    for (const row of rows) bytes += this.#ends[row]! - this.#startOf(row) + 1;
    const picked = new TextColumn({ bytes, count: rows.length });
    for (const row of rows) {
      const start = this.#startOf(row);
      const end = this.#ends[row]!;
      picked.#comma();
      picked.#reserve(end - start);
      picked.#at += this.#bytes.copy(picked.#bytes, picked.#at, start, end);
      picked.#end();
    }
    return picked;
  }

  slice(from: number, to: number): string {
    return from >= to ? '{}' : `{${this.#bytes.toString('utf8', this.#startOf(from), this.#ends[to - 1])}}`;
  }

  /** The whole array as UTF-8, valid until the next change. */
  literal(): Buffer {
    this.#reserve(1);
    this.#bytes[this.#at] = CLOSE;
    return this.#bytes.subarray(0, this.#at + 1);
  }

  /** The bytes of all elements, and where each ends; it begins behind the comma after the one before. Valid until the next change. */
  get written(): { readonly bytes: Buffer; readonly length: number; readonly ends: Int32Array; readonly count: number } {
    return { bytes: this.#bytes, length: this.#at, ends: this.#ends, count: this.#count };
  }

  #end(): void {
    if (this.#count === this.#ends.length) {
      const grown = new Int32Array(Math.max(FIRST_ELEMENTS, 2 * this.#count));
      grown.set(this.#ends);
      this.#ends = grown;
    }
    this.#ends[this.#count++] = this.#at;
  }

  #startOf(row: number): number {
    return row === 0 ? 1 : this.#ends[row - 1]! + 1;
  }

  #comma(): void {
    if (this.#count === 0) return;
    this.#reserve(1);
    this.#bytes[this.#at++] = COMMA;
  }

  #quoted(text: string): void {
    const { length } = text;
    // A UTF-16 unit takes three bytes at most, or two when it is escaped.
    this.#reserve(3 * length + 2);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = QUOTE;
    if (length < LONG_TEXT) {
      let i = 0;
      for (; i < length; i++) {
        const unit = text.charCodeAt(i);
        if (unit >= 0x80 || unit === 0) break;
        if (unit === QUOTE || unit === BACKSLASH) bytes[at++] = BACKSLASH;
        bytes[at++] = unit;
      }
      if (i === length) {
        bytes[at++] = QUOTE;
        this.#at = at;
        return;
      }
    }
    const quoted = elementText(text);
    this.#reserve(3 * quoted.length);
    this.#at += this.#bytes.write(quoted, this.#at);
  }

  /** A whole number of 32 bits, without a string of it. */
  #int(value: number): void {
    this.#reserve(11);
    const bytes = this.#bytes;
    let rest = value;
    if (rest < 0) {
      bytes[this.#at++] = MINUS;
      rest = -rest;
    }
    let digits = 1;
    for (let limit = 10; digits < 10 && rest >= limit; limit *= 10) digits++;
    const end = this.#at + digits;
    for (let at = end - 1; at >= this.#at; at--) {
      const next = Math.floor(rest / 10);
      bytes[at] = ZERO + rest - next * 10;
      rest = next;
    }
    this.#at = end;
  }

  #ascii(text: string): void {
    const { length } = text;
    this.#reserve(length);
    for (let i = 0; i < length; i++) this.#bytes[this.#at++] = text.charCodeAt(i);
  }

  #reserve(more: number): void {
    const needed = this.#at + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

import type { CopyRows } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { TextColumn } from './text-column.ts';

const TAB = 0x09;
const NEWLINE = 0x0a;
const COPY_DATA = 0x64;
const MESSAGE_HEAD_BYTES = 5;
/** A message is read by the server as a whole. */
const MESSAGE_BYTES = 262_144;
/** From this length on the driver's own copying is faster than a loop. */
const LONG_BYTES = 32;

/** The message that ends a copy. */
export const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4]);

/** Bytes that grow while lines are written to them. */
export class CopyText {
  bytes: Buffer;
  at = 0;

  constructor(length: number) {
    this.bytes = Buffer.allocUnsafeSlow(length);
  }

  /** There must be room. */
  take(source: Buffer, from: number, to: number): void {
    if (to - from >= LONG_BYTES) {
      source.copy(this.bytes, this.at, from, to);
      this.at += to - from;
      return;
    }
    const { bytes } = this;
    let { at } = this;
    for (let i = from; i < to; i++) bytes[at++] = source[i]!;
    this.at = at;
  }

  reserve(more: number): void {
    const needed = this.at + more;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.ceil(1.5 * this.bytes.length)));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
  }
}

/**
 * The rows of columns as the data messages of COPY's text form: elements that are written already change their place and their escapes, none is a JavaScript value
 * again. A pass over the bytes of about 0.3 µs a row; writing lines while records are decoded would save it, and cost each batch that
 * meets a row that exists a second decoding.
 */
export function copyLines({ columns, hex }: CopyRows): readonly Buffer[] {
  const texts = columns.map(textColumn);
  const plain = texts.map((column) => column.isPlain);
  const versions = textColumn(hex);
  const { count } = versions;
  if (texts.some((column) => column.count !== count)) throw new FarshoreError('internal', 'The columns of rows to copy differ in length.');
  // Quotes and commas of an array are more than a line's tabs; only text with line ends or tabs takes more, and grows it.
  const expected = [...texts, versions].reduce((sum, column) => sum + column.byteLength, 2 * count);
  const text = new CopyText(expected + Math.ceil(expected / MESSAGE_BYTES + 1) * MESSAGE_HEAD_BYTES);
  const messages: (readonly [from: number, to: number])[] = [];
  let from = 0;
  text.at = MESSAGE_HEAD_BYTES;
  const close = (): void => {
    text.bytes[from] = COPY_DATA;
    text.bytes.writeInt32BE(text.at - from - 1, from + 1);
    messages.push([from, text.at]);
    from = text.at;
  };
  for (let row = 0; row < count; row++) {
    for (let c = 0; c < texts.length; c++) {
      texts[c]!.copyElement(row, text, plain[c]!);
      text.bytes[text.at++] = TAB;
    }
    versions.copyHex(row, text);
    text.bytes[text.at++] = NEWLINE;
    if (text.at - from < MESSAGE_BYTES || row === count - 1) continue;
    close();
    text.reserve(MESSAGE_HEAD_BYTES);
    text.at += MESSAGE_HEAD_BYTES;
  }
  if (count > 0) close();
  return messages.map(([start, end]) => text.bytes.subarray(start, end));
}

function textColumn(column: unknown): TextColumn {
  if (column instanceof TextColumn) return column;
  throw new FarshoreError('internal', 'Only columns of text can be copied.');
}

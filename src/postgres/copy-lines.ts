import type { CopyRows } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { TextColumn } from './text-column.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SMALL_N = 0x6e;
const SMALL_R = 0x72;
const SMALL_T = 0x74;
const SMALL_X = 0x78;
const CAPITAL_N = 0x4e;
const CAPITAL_U = 0x55;
const COPY_DATA = 0x64;
const MESSAGE_HEAD_BYTES = 5;
/** A message is read by the server as a whole. */
const MESSAGE_BYTES = 262_144;
/** From this length on the driver's own copying is faster than a loop. */
const LONG_BYTES = 40;

/** The message that ends a copy. */
export const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4]);

interface Column {
  readonly bytes: Buffer;
  readonly ends: Int32Array;
  readonly count: number;
  /** Nothing in it is escaped, neither in the array nor in a line. */
  readonly plain: boolean;
  readonly mostBytes: number;
}

/**
 * The rows of columns as the data messages of COPY's text form: elements that are written already change their place and their escapes,
 * none is a JavaScript value again. Writing lines while records are decoded would save this pass over the bytes, and cost each
 * batch that meets a row that exists a second decoding. `memory` gives at least as many bytes as it is asked for.
 */
export function copyLines({ columns, hex }: CopyRows, memory: (bytes: number) => Buffer = Buffer.allocUnsafeSlow): readonly Buffer[] {
  const list = columns.map(columnOf);
  const versions = columnOf(hex);
  const { count } = versions;
  if (list.some((column) => column.count !== count)) throw new FarshoreError('internal', 'The columns of rows to copy differ in length.');
  // Quotes and commas of an array take what a line's tabs do; a version, `\\x` for two quotes, takes more.
  const text = [...list, versions].reduce((sum, { mostBytes }) => sum + mostBytes, 2 * count);
  const into = memory(text + (Math.ceil(text / MESSAGE_BYTES) + 1) * MESSAGE_HEAD_BYTES);
  const messages: Buffer[] = [];
  let messageAt = 0;
  let at = MESSAGE_HEAD_BYTES;
  for (let row = 0; row < count; row++) {
    for (let c = 0; c < list.length; c++) {
      const { bytes, ends, plain } = list[c]!;
      let from = row === 0 ? 1 : ends[row - 1]! + 1;
      let to = ends[row]!;
      if (bytes[from] === QUOTE) {
        from++;
        to--;
        if (!plain) {
          at = writeEscaped(bytes, from, to, into, at);
          into[at++] = TAB;
          continue;
        }
      } else if (bytes[from] === CAPITAL_N && bytes[from + 1] === CAPITAL_U) {
        // Unquoted, so no text; NaN begins otherwise.
        into[at++] = BACKSLASH;
        into[at++] = CAPITAL_N;
        into[at++] = TAB;
        continue;
      }
      if (to - from >= LONG_BYTES) at += bytes.copy(into, at, from, to);
      else while (from < to) into[at++] = bytes[from++]!;
      into[at++] = TAB;
    }
    into[at++] = BACKSLASH;
    into[at++] = BACKSLASH;
    into[at++] = SMALL_X;
    const from = row === 0 ? 2 : versions.ends[row - 1]! + 2;
    const to = versions.ends[row]! - 1;
    at += versions.bytes.copy(into, at, from, to);
    into[at++] = NEWLINE;
    if (at - messageAt < MESSAGE_BYTES && row < count - 1) continue;
    into[messageAt] = COPY_DATA;
    into.writeInt32BE(at - messageAt - 1, messageAt + 1);
    messages.push(into.subarray(messageAt, at));
    messageAt = at;
    at += MESSAGE_HEAD_BYTES;
  }
  return messages;
}

/** A quoted element with something to escape; answers where it ends. */
function writeEscaped(bytes: Buffer, start: number, end: number, into: Buffer, begin: number): number {
  let at = begin;
  for (let from = start; from < end; ) {
    let byte = bytes[from++]!;
    if (byte === BACKSLASH) {
      // In the array it stands before a quote, which a line takes as it is, or before another of itself, which it takes the same way.
      byte = bytes[from++]!;
      if (byte === BACKSLASH) into[at++] = BACKSLASH;
    } else if (byte <= RETURN) {
      const letter = byte === NEWLINE ? SMALL_N : byte === TAB ? SMALL_T : byte === RETURN ? SMALL_R : 0;
      if (letter !== 0) {
        into[at++] = BACKSLASH;
        byte = letter;
      }
    }
    into[at++] = byte;
  }
  return at;
}

function columnOf(column: unknown): Column {
  if (!(column instanceof TextColumn)) throw new FarshoreError('internal', 'Only columns of text can be copied.');
  const { bytes, length, ends, count } = column.written;
  const text = bytes.subarray(0, length);
  const plain = ![BACKSLASH, NEWLINE, TAB, RETURN].some((byte) => text.includes(byte));
  return { bytes, ends, count, plain, mostBytes: plain ? length : 2 * length };
}

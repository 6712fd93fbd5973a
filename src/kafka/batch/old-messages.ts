import type { Codec, RawBatch, RecordView } from '../../model/batch.ts';
import { FarshoreError } from '../../model/errors.ts';
import type { Decompress } from './codecs.ts';

/**
 * Messages as Kafka wrote them before 0.11 (magic 0 and 1), still found in old logs:
 *
 *     0 offset int64 · 8 size int32 · 12 crc uint32 · 16 magic int8 · 17 attributes int8 · [18 timestamp int64, magic 1]
 *     key: length int32, bytes · value: length int32, bytes
 *
 * A compressed message's value holds the real messages. Its offset is that of the last of them; with
 * magic 1 those inside count from 0, with magic 0 they carry their own.
 */
export const OLD_HEADER_BYTES = 26;

export interface OldMessageSpan {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly recordCount: number;
}

const oldCodecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4'];
const LOG_APPEND_TIME = 0x08;
const NO_TIMESTAMP = -1;

interface Message {
  readonly offset: bigint;
  readonly magic: number;
  readonly attributes: number;
  readonly timestampMs: number;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Where the next message begins. */
  readonly next: number;
}

function messageAt(bytes: Buffer, at: number): Message {
  if (at + OLD_HEADER_BYTES > bytes.length) throw corrupt('a message is cut short');
  const next = at + 12 + bytes.readInt32BE(at + 8);
  const magic = bytes.readInt8(at + 16);
  if (next > bytes.length || next < at + OLD_HEADER_BYTES || magic < 0 || magic > 1) throw corrupt('a message has an impossible header');
  let field = at + (magic === 1 ? 26 : 18);
  const range = (): readonly [number, number] => {
    if (field + 4 > next) throw corrupt('a message ends in a length');
    const length = bytes.readInt32BE(field);
    const start = field + 4;
    if (length < -1 || start + length > next) throw corrupt('a key or value reaches past its message');
    field = start + Math.max(0, length);
    return length < 0 ? [-1, -1] : [start, start + length];
  };
  const [keyStart, keyEnd] = range();
  const [valueStart, valueEnd] = range();
  return {
    offset: bytes.readBigInt64BE(at),
    magic,
    attributes: bytes.readInt8(at + 17),
    timestampMs: magic === 1 ? Number(bytes.readBigInt64BE(at + 18)) : NO_TIMESTAMP,
    keyStart,
    keyEnd,
    valueStart,
    valueEnd,
    next,
  };
}

const codecOf = (message: Message): Codec => {
  const codec = oldCodecs[message.attributes & 0x07];
  if (codec === undefined) throw corrupt('a message has an unknown codec');
  return codec;
};

/** The messages that a message stands for: itself, or those in its compressed value. */
function unwrapped(bytes: Buffer, decompress: Decompress, maxBytes: number): { readonly inside: Buffer; readonly messages: Message[] } {
  const outer = messageAt(bytes, 0);
  const codec = codecOf(outer);
  if (codec === 'none') return { inside: bytes, messages: [outer] };
  if (outer.valueStart < 0) throw corrupt('a compressed message has no value');
  const inside = decompress(codec, bytes.subarray(outer.valueStart, outer.valueEnd), maxBytes);
  const messages: Message[] = [];
  for (let at = 0; at < inside.length; at = messages.at(-1)!.next) messages.push(messageAt(inside, at));
  const last = messages.at(-1);
  if (last === undefined) throw corrupt('a compressed message holds none');
  const shift = outer.magic === 1 ? outer.offset - last.offset : 0n;
  const logAppendTime = (outer.attributes & LOG_APPEND_TIME) !== 0;
  return {
    inside,
    messages: messages.map((message) => ({
      ...message,
      offset: message.offset + shift,
      timestampMs: logAppendTime ? outer.timestampMs : message.timestampMs,
    })),
  };
}

/** Which offsets a message covers and how many records it holds; a compressed one is opened for that. */
export function spanOfOldMessage(bytes: Buffer, decompress: Decompress, maxBytes: number): OldMessageSpan {
  const { messages } = unwrapped(bytes, decompress, maxBytes);
  return { baseOffset: messages[0]!.offset, lastOffset: messages.at(-1)!.offset, recordCount: messages.length };
}

export function visitOldMessages(batch: RawBatch, decompress: Decompress, maxBytes: number, visit: (record: RecordView) => void): void {
  const { inside, messages } = unwrapped(batch.bytes, decompress, maxBytes);
  for (const { offset, timestampMs, keyStart, keyEnd, valueStart, valueEnd, next } of messages) {
    visit({
      bytes: inside,
      offset,
      timestampMs,
      keyStart,
      keyEnd,
      valueStart,
      valueEnd,
      headersStart: next,
      headersEnd: next,
      headerCount: 0,
    });
  }
}

const corrupt = (what: string): FarshoreError => new FarshoreError('batch_corrupt', `A batch of an old format cannot be read: ${what}`);

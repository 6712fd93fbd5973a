import { crc32c } from '@node-rs/crc32';
import { BATCH_HEADER_BYTES, type Codec, codecs, type RecordView } from '../../model/batch.ts';
import { FarshoreError } from '../../model/errors.ts';

/** A record to write: ranges as in RecordView, headers still encoded without their count. */
export type BatchRecord = Readonly<Omit<RecordView, 'offset'>>;

export type Compress = (codec: Codec, bytes: Buffer) => Buffer;

const NO_PRODUCER_ID = -1n;
const HIGH = 0x1_0000_0000;

/** A record of its own, without headers. */
export function recordOf(key: Buffer | null, value: Buffer | null, timestampMs: number): BatchRecord {
  const keyEnd = key?.length ?? 0;
  const bytes = Buffer.concat([key ?? Buffer.alloc(0), value ?? Buffer.alloc(0)]);
  return {
    bytes,
    timestampMs,
    keyStart: key === null ? -1 : 0,
    keyEnd: key === null ? -1 : keyEnd,
    valueStart: value === null ? -1 : keyEnd,
    valueEnd: value === null ? -1 : bytes.length,
    headersStart: bytes.length,
    headersEnd: bytes.length,
    headerCount: 0,
  };
}

/**
 * Encodes records as one batch of magic 2, type CreateTime, offset deltas 0, 1, 2 and on, of no
 * producer: base offset, leader epoch and sequence are for whoever sends it. `records` holds at least one.
 *
 * Throws `batch_corrupt` for a timestamp of 2^50 ms or more, which cannot be written back exactly.
 */
export function buildBatch(records: readonly BatchRecord[], codec: Codec, compress: Compress): Buffer {
  const first = records[0];
  if (first === undefined) throw new FarshoreError('internal', 'A batch without records cannot be built');
  const baseMs = exactTimestamp(first.timestampMs);
  const encoded = encodeRecords(records, baseMs);
  const body = codec === 'none' ? encoded : compress(codec, encoded);
  let maxMs = baseMs;
  for (const { timestampMs } of records) if (timestampMs > maxMs) maxMs = timestampMs;

  const batch = Buffer.allocUnsafe(BATCH_HEADER_BYTES + body.length);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(codecs.indexOf(codec), 21);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(baseMs), 27);
  batch.writeBigInt64BE(BigInt(maxMs), 35);
  batch.writeBigInt64BE(NO_PRODUCER_ID, 43);
  batch.writeInt16BE(-1, 51);
  batch.writeInt32BE(-1, 53);
  batch.writeInt32BE(records.length, 57);
  body.copy(batch, BATCH_HEADER_BYTES);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

function encodeRecords(records: readonly BatchRecord[], baseMs: number): Buffer {
  const sizes = new Array<number>(records.length);
  let total = 0;
  for (const [index, record] of records.entries()) {
    const size = bodySize(record, exactTimestamp(record.timestampMs) - baseMs, index);
    sizes[index] = size;
    total += size + varintSize(size);
  }
  const out = Buffer.allocUnsafe(total);
  let at = 0;
  for (const [index, r] of records.entries()) {
    at = writeVarint(out, at, sizes[index]!);
    out[at++] = 0;
    at = writeVarint(out, at, r.timestampMs - baseMs);
    at = writeVarint(out, at, index);
    at = writeRange(out, at, r.bytes, r.keyStart, r.keyEnd);
    at = writeRange(out, at, r.bytes, r.valueStart, r.valueEnd);
    at = writeVarint(out, at, r.headerCount);
    at += r.bytes.copy(out, at, r.headersStart, r.headersEnd);
  }
  return out;
}

function bodySize(r: BatchRecord, timestampDelta: number, offsetDelta: number): number {
  const key = r.keyStart < 0 ? 1 : varintSize(r.keyEnd - r.keyStart) + r.keyEnd - r.keyStart;
  const value = r.valueStart < 0 ? 1 : varintSize(r.valueEnd - r.valueStart) + r.valueEnd - r.valueStart;
  return 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + key + value + varintSize(r.headerCount) + r.headersEnd - r.headersStart;
}

function writeRange(out: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  if (start < 0) return writeVarint(out, at, -1);
  const next = writeVarint(out, at, end - start);
  return next + bytes.copy(out, next, start, end);
}

/** Zigzag in plain numbers: exact while |value| < 2^52, which timestamp deltas are checked for. */
const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);

function varintSize(value: number): number {
  let rest = zigzag(value);
  let size = 1;
  while (rest >= 0x80) {
    rest = rest < HIGH ? rest >>> 7 : Math.floor(rest / 0x80);
    size++;
  }
  return size;
}

function writeVarint(out: Buffer, from: number, value: number): number {
  let rest = zigzag(value);
  let at = from;
  while (rest >= 0x80) {
    out[at++] = (rest % 0x80) | 0x80;
    rest = rest < HIGH ? rest >>> 7 : Math.floor(rest / 0x80);
  }
  out[at++] = rest;
  return at;
}

function exactTimestamp(timestampMs: number): number {
  if (Math.abs(timestampMs) < 2 ** 50) return timestampMs;
  throw new FarshoreError('batch_corrupt', `The record timestamp ${timestampMs} cannot be written again exactly`, {
    hint: 'A real time in milliseconds is below 2^50; the writer of the topic should be looked at.',
  });
}

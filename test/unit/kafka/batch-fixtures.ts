import { buildBatch, recordOf } from '../../../src/kafka/batch/build.ts';
import { compress } from '../../../src/kafka/batch/codecs.ts';
import { computedCrc } from '../../../src/kafka/batch/crc.ts';
import type { Codec, RawBatch, RecordView } from '../../../src/model/batch.ts';

export interface BatchShape {
  readonly baseOffset: bigint;
  /** Records in it; 0 for a batch that compaction emptied. */
  readonly count?: number;
  readonly lastOffset?: bigint;
  readonly producerId?: bigint;
  readonly transactional?: boolean;
  readonly control?: 'abort' | 'commit' | 'leader_change';
  readonly leaderEpoch?: number;
  readonly codec?: Codec;
  /** Bits to set beside those of codec, transactional and control. */
  readonly attributes?: number;
  readonly maxTimestampMs?: bigint;
}

const controlTypes = { abort: 0, commit: 1, leader_change: 2 } as const;

/** The bytes of a batch as a broker would hand it out. */
export function batchBytes(shape: BatchShape): Buffer {
  const { baseOffset, control, codec = 'none' } = shape;
  const count = shape.count ?? 1;
  const records =
    control === undefined
      ? Array.from({ length: Math.max(1, count) }, (_, i) =>
          recordOf(Buffer.from(`k${i}`), Buffer.from(`v${baseOffset + BigInt(i)}`), 1000 + i),
        )
      : [recordOf(controlKey(controlTypes[control]), Buffer.alloc(6), 1000)];
  let bytes = buildBatch(records, codec, compress);
  if (count === 0) {
    bytes = Buffer.from(bytes.subarray(0, 61));
    bytes.writeInt32BE(49, 8);
    bytes.writeInt32BE(0, 57);
  }
  bytes.writeBigInt64BE(baseOffset, 0);
  bytes.writeInt32BE(shape.leaderEpoch ?? 0, 12);
  const bits = (shape.transactional || control !== undefined ? 0x10 : 0) | (control === undefined ? 0 : 0x20) | (shape.attributes ?? 0);
  bytes.writeInt16BE(bytes.readInt16BE(21) | bits, 21);
  if (shape.lastOffset !== undefined) bytes.writeInt32BE(Number(shape.lastOffset - baseOffset), 23);
  if (shape.maxTimestampMs !== undefined) bytes.writeBigInt64BE(shape.maxTimestampMs, 35);
  bytes.writeBigInt64BE(shape.producerId ?? -1n, 43);
  return sealed(bytes);
}

/** Writes the checksum that fits the bytes. */
export function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(computedCrc(bytes), 17);
  return bytes;
}

export function rawBatch(shape: BatchShape): RawBatch {
  return rawBatchOf(batchBytes(shape));
}

export function rawBatchOf(bytes: Buffer): RawBatch {
  const baseOffset = bytes.readBigInt64BE(0);
  return {
    bytes,
    baseOffset,
    lastOffset: baseOffset + BigInt(bytes.readInt32BE(23)),
    recordCount: bytes.readInt32BE(57),
    magic: bytes.readInt8(16),
  };
}

function controlKey(type: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeInt16BE(type, 2);
  return key;
}

/** What a record holds, for comparing. */
export function seen(record: RecordView) {
  const text = (start: number, end: number): string | null => (start < 0 ? null : record.bytes.toString('utf8', start, end));
  return {
    offset: record.offset,
    timestampMs: record.timestampMs,
    key: text(record.keyStart, record.keyEnd),
    value: text(record.valueStart, record.valueEnd),
    headers: record.headerCount,
  };
}

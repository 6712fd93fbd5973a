import type { Reencode } from '../../mirror/contracts.ts';
import { batchCodec, type RawBatch, type VisitRecords } from '../../model/batch.ts';
import { FarshoreError } from '../../model/errors.ts';
import { type BatchRecord, buildBatch, type Compress } from './build.ts';

type OffsetRecord = BatchRecord & { readonly offset: bigint };

/** Offset of the first byte that magic 0 and 1 keep their attributes in. */
const OLD_ATTRIBUTES_AT = 17;

/**
 * Writes a batch anew, record by record, with the same keys, values, headers, timestamps and codec, as
 * batches that are no larger than `maxBatchBytes` as sent. What made it uncopyable is gone by then:
 * offset deltas are contiguous, the type is CreateTime (each record keeps the timestamp that readers
 * saw, so a log-append-time one keeps the batch's), the delete horizon is dropped and the magic is 2.
 *
 * The pieces keep the home offsets they stand for in `baseOffset` and `lastOffset`; the last reaches as
 * far as the batch did. A batch whose records are all gone becomes nothing.
 *
 * Throws `batch_refused` for a single record above the limit and `batch_corrupt`.
 */
export function reencoder(visitRecords: VisitRecords, compress: Compress): Reencode {
  return (batch, _reason, maxBatchBytes, from) => {
    const records: OffsetRecord[] = [];
    visitRecords(batch, (record) => {
      if (record.offset >= from) records.push({ ...record });
    });
    if (records.length === 0) return [];
    const codec = batch.magic < 2 ? oldCodec(batch) : batchCodec(batch.bytes);
    if (codec === undefined) throw new FarshoreError('batch_corrupt', `The batch at offset ${batch.baseOffset} has an unknown codec`);

    const pieces: RawBatch[] = [];
    const write = (from: number, to: number, end: bigint): void => {
      const part = from === 0 && to === records.length ? records : records.slice(from, to);
      const bytes = buildBatch(part, codec, compress);
      const baseOffset = records[from]!.offset;
      if (bytes.length <= maxBatchBytes) {
        // Outside the checksum; whoever produces the piece puts its own there.
        bytes.writeBigInt64BE(baseOffset, 0);
        pieces.push({ bytes, baseOffset, lastOffset: end, recordCount: part.length, magic: 2 });
        return;
      }
      if (part.length === 1) throw tooLarge(baseOffset, bytes.length, maxBatchBytes);
      const middle = (from + to) >>> 1;
      write(from, middle, records[middle - 1]!.offset);
      write(middle, to, end);
    };
    write(0, records.length, batch.lastOffset);
    return pieces;
  };
}

const oldCodec = (batch: RawBatch) => (['none', 'gzip', 'snappy', 'lz4'] as const)[batch.bytes.readInt8(OLD_ATTRIBUTES_AT) & 0x07];

const tooLarge = (offset: bigint, bytes: number, maxBatchBytes: number): FarshoreError =>
  new FarshoreError(
    'batch_refused',
    `The record at home offset ${offset} takes ${bytes} bytes alone; the regional topic takes ${maxBatchBytes}`,
    {
      hint: `Raise max.message.bytes of the regional topic to at least ${bytes}, then resume the partition.`,
      facts: { offset: String(offset), bytes, maxBatchBytes },
    },
  );

import {
  BATCH_HEADER_BYTES,
  batchCrc,
  batchLastOffsetDelta,
  batchLeaderEpoch,
  batchRecordCount,
  type RawBatch,
} from '../../model/batch.ts';
import { decompress } from './codecs.ts';
import { computedCrc, computedOldCrc } from './crc.ts';
import { OLD_HEADER_BYTES, type OldMessageSpan, spanOfOldMessage } from './old-messages.ts';

/** Base offset and length, which come before what the length counts. */
const LOG_OVERHEAD_BYTES = 12;
const MAGIC_AT = 16;

export interface BatchesRead {
  /** Every whole batch that can be trusted, in order: data, control, aborted, empty. */
  readonly batches: readonly RawBatch[];
  /** The first batch that cannot be trusted; nothing after it was read. */
  readonly corrupt: { readonly offset: bigint; readonly reason: string } | undefined;
}

/**
 * Splits the records of one partition's fetch answer into batches, as views, and checks each one's
 * checksum. The broker cuts an answer at a byte limit, so an incomplete last batch is left off. A
 * message of magic 0 or 1 becomes a batch of its own with that `magic`.
 */
export type ReadBatches = (records: Buffer) => BatchesRead;

/** `maxDecompressedBytes` bounds what a compressed message of magic 0 or 1 is opened to, to learn its offsets. */
export function batchReader(maxDecompressedBytes: number): ReadBatches {
  return (records) => readBatches(records, (message) => spanOfOldMessage(message, decompress, maxDecompressedBytes));
}

function readBatches(records: Buffer, spanOfOld: (message: Buffer) => OldMessageSpan): BatchesRead {
  const batches: RawBatch[] = [];
  let at = 0;
  while (records.length - at > MAGIC_AT) {
    const offset = records.readBigInt64BE(at);
    const length = records.readInt32BE(at + 8);
    const magic = records.readInt8(at + MAGIC_AT);
    const corrupt = (reason: string): BatchesRead => ({ batches, corrupt: { offset, reason } });
    if (magic < 0 || magic > 2) return corrupt(`unknown magic ${magic}`);
    const least = magic === 2 ? BATCH_HEADER_BYTES : OLD_HEADER_BYTES;
    if (length < least - LOG_OVERHEAD_BYTES) return corrupt(`a length of ${length} bytes is less than a header's`);
    const end = at + LOG_OVERHEAD_BYTES + length;
    if (end > records.length) break;
    const bytes = records.subarray(at, end);
    const damage =
      magic === 2 ? checksumDamage(batchCrc(bytes), computedCrc(bytes)) : checksumDamage(bytes.readUInt32BE(12), computedOldCrc(bytes));
    if (damage !== undefined) return corrupt(damage);
    if (magic === 2) {
      const lastOffsetDelta = batchLastOffsetDelta(bytes);
      const recordCount = batchRecordCount(bytes);
      if (lastOffsetDelta < 0 || recordCount < 0) return corrupt('a negative count in its header');
      batches.push({ bytes, baseOffset: offset, lastOffset: offset + BigInt(lastOffsetDelta), recordCount, magic });
    } else {
      try {
        batches.push({ bytes, magic, ...spanOfOld(bytes) });
      } catch (error) {
        return corrupt(error instanceof Error ? error.message : String(error));
      }
    }
    at = end;
  }
  return { batches, corrupt: undefined };
}

/** What a position remembers of a batch (C6); messages of magic 0 and 1 carry no leader epoch. */
export function batchProof(batch: RawBatch): { readonly leaderEpoch: number; readonly crc: number } {
  return batch.magic === 2
    ? { leaderEpoch: batchLeaderEpoch(batch.bytes), crc: batchCrc(batch.bytes) }
    : { leaderEpoch: -1, crc: batch.bytes.readUInt32BE(12) };
}

function checksumDamage(stored: number, computed: number): string | undefined {
  if (stored === computed) return undefined;
  return `its checksum is ${hex(stored)}, its bytes give ${hex(computed)}`;
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');

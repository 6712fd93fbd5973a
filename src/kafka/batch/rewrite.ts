import { BATCH_HEADER_BYTES, batchCrc, batchIsControl } from '../../model/batch.ts';
import { FarshoreError } from '../../model/errors.ts';
import { crcChange } from './crc-shift.ts';

const TRANSACTIONAL = 0x10;
const CRC_COVERS_FROM = 21;

/** Who writes a batch: what the broker checks a producer's batches by. */
export interface ProducerStamp {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Sequence of the batch's first record in its partition. */
  readonly baseSequence: number;
}

/** The covered header as it was; one is enough, since stamping never waits. */
const before = new Uint8Array(BATCH_HEADER_BYTES - CRC_COVERS_FROM);

/**
 * Makes a batch this producer's transactional batch, in place: base offset 0, producer id, epoch and
 * sequence, the transactional bit, and the CRC-32C, which must be right for the bytes as they are. Bytes
 * 61 and on, which hold the records, are neither touched nor read (C14). The partition leader epoch lies
 * outside the checksum and the broker sets it, so it stays.
 *
 * A control batch is a decision of another cluster's coordinator; producing one would invent a commit.
 */
export function stampBatch(bytes: Buffer, stamp: ProducerStamp): void {
  if (bytes.length < BATCH_HEADER_BYTES || bytes.readInt8(16) !== 2) {
    throw new FarshoreError('internal', 'Only a whole batch of magic 2 can be produced');
  }
  if (batchIsControl(bytes)) throw new FarshoreError('internal', 'A control batch must never be produced');
  bytes.copy(before, 0, CRC_COVERS_FROM, BATCH_HEADER_BYTES);
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt16BE(bytes.readInt16BE(21) | TRANSACTIONAL, 21);
  bytes.writeBigInt64BE(stamp.producerId, 43);
  bytes.writeInt16BE(stamp.producerEpoch, 51);
  bytes.writeInt32BE(stamp.baseSequence, 53);
  const after = bytes.subarray(CRC_COVERS_FROM, BATCH_HEADER_BYTES);
  bytes.writeUInt32BE((batchCrc(bytes) ^ crcChange(before, after, bytes.length - BATCH_HEADER_BYTES)) >>> 0, 17);
}

/**
 * A Kafka record batch, magic 2, as it lies in the log: the shape mirror copies and apply reads.
 * Byte positions are those of the protocol's RecordBatch.
 *
 *     0 baseOffset int64 · 8 batchLength int32 · 12 partitionLeaderEpoch int32 · 16 magic int8 · 17 crc uint32
 *     21 attributes int16 · 23 lastOffsetDelta int32 · 27 baseTimestamp int64 · 35 maxTimestamp int64
 *     43 producerId int64 · 51 producerEpoch int16 · 53 baseSequence int32 · 57 recordCount int32 · 61 records
 */
export const BATCH_HEADER_BYTES = 61;

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof codecs)[number];

/** One committed data batch of a partition. `bytes` is a view into the fetch response: copy it to keep it. */
export interface RawBatch {
  readonly bytes: Buffer;
  readonly baseOffset: bigint;
  /** Offset of the last record the batch stood for when it was written, also when compaction removed it. */
  readonly lastOffset: bigint;
  /** Records that are still in it. */
  readonly recordCount: number;
  readonly magic: number;
}

export const batchCodec = (bytes: Buffer): Codec | undefined => codecs[bytes.readInt16BE(21) & 0x07];
export const batchHasLogAppendTime = (bytes: Buffer): boolean => (bytes.readInt16BE(21) & 0x08) !== 0;
export const batchIsTransactional = (bytes: Buffer): boolean => (bytes.readInt16BE(21) & 0x10) !== 0;
export const batchIsControl = (bytes: Buffer): boolean => (bytes.readInt16BE(21) & 0x20) !== 0;
export const batchHasDeleteHorizon = (bytes: Buffer): boolean => (bytes.readInt16BE(21) & 0x40) !== 0;
export const batchLeaderEpoch = (bytes: Buffer): number => bytes.readInt32BE(12);
export const batchCrc = (bytes: Buffer): number => bytes.readUInt32BE(17);
export const batchLastOffsetDelta = (bytes: Buffer): number => bytes.readInt32BE(23);
export const batchMaxTimestampMs = (bytes: Buffer): bigint => bytes.readBigInt64BE(35);
export const batchProducerId = (bytes: Buffer): bigint => bytes.readBigInt64BE(43);
export const batchRecordCount = (bytes: Buffer): number => bytes.readInt32BE(57);

/**
 * One record as ranges over decompressed bytes. The iterator reuses a single view: read what you need
 * during the visit. A start of -1 is a null key or value; start === end is an empty one.
 */
export interface RecordView {
  bytes: Buffer;
  offset: bigint;
  timestampMs: number;
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
  /** Range of the headers, still encoded, with their count before it read. */
  headersStart: number;
  headersEnd: number;
  headerCount: number;
}

/** Visits each record of a batch in order. Throws FarshoreError `batch_corrupt`. */
export type VisitRecords = (batch: RawBatch, visit: (record: RecordView) => void) => void;

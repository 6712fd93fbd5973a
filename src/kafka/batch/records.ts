import {
  BATCH_HEADER_BYTES,
  batchCodec,
  batchHasLogAppendTime,
  batchMaxTimestampMs,
  type RawBatch,
  type RecordView,
  type VisitRecords,
} from '../../model/batch.ts';
import { FarshoreError } from '../../model/errors.ts';
import { decompress } from './codecs.ts';
import { visitOldMessages } from './old-messages.ts';
import { VarintReader } from './varint.ts';

/**
 * Visits the records of a batch, decompressed to `maxDecompressedBytes` at most (`memory_limit` above).
 * One view is used for the whole batch: copy what must outlive the visit.
 */
export function recordVisitor(maxDecompressedBytes: number): VisitRecords {
  return (batch, visit) => {
    try {
      if (batch.magic < 2) visitOldMessages(batch, decompress, maxDecompressedBytes, visit);
      else visitBatch(batch, maxDecompressedBytes, visit);
    } catch (error) {
      throw located(batch, error);
    }
  };
}

function visitBatch(batch: RawBatch, maxDecompressedBytes: number, visit: (record: RecordView) => void): void {
  if (batch.recordCount === 0) return;
  const header = batch.bytes;
  const codec = batchCodec(header);
  if (codec === undefined) throw damaged('its codec is unknown');
  const bytes = codec === 'none' ? header : decompress(codec, header.subarray(BATCH_HEADER_BYTES), maxDecompressedBytes);
  const reader = new VarintReader(bytes, codec === 'none' ? BATCH_HEADER_BYTES : 0);

  const baseOffset = header.readBigInt64BE(0);
  // Offsets fit a double for some 285 years at a million records a second; adding there spares a bigint a record.
  const baseNumber = baseOffset < MAX_EXACT_BASE ? Number(baseOffset) : undefined;
  const baseTimestampMs = Number(header.readBigInt64BE(27));
  const appendedMs = batchHasLogAppendTime(header) ? Number(batchMaxTimestampMs(header)) : undefined;
  const view: RecordView = {
    bytes,
    offset: baseOffset,
    timestampMs: baseTimestampMs,
    keyStart: -1,
    keyEnd: -1,
    valueStart: -1,
    valueEnd: -1,
    headersStart: 0,
    headersEnd: 0,
    headerCount: 0,
  };

  for (let left = batch.recordCount; left > 0; left--) {
    const length = reader.int();
    const end = reader.position + length;
    if (length < 0 || end > bytes.length) throw damaged('a record reaches past its end');
    reader.position++;
    const timestampDelta = reader.long();
    const offsetDelta = reader.int();
    view.timestampMs = appendedMs ?? baseTimestampMs + timestampDelta;
    view.offset = baseNumber === undefined ? baseOffset + BigInt(offsetDelta) : BigInt(baseNumber + offsetDelta);

    const keyLength = reader.int();
    if (keyLength < 0) {
      view.keyStart = -1;
      view.keyEnd = -1;
    } else {
      view.keyStart = reader.position;
      view.keyEnd = reader.position + keyLength;
      reader.position = view.keyEnd;
    }
    const valueLength = reader.int();
    if (valueLength < 0) {
      view.valueStart = -1;
      view.valueEnd = -1;
    } else {
      view.valueStart = reader.position;
      view.valueEnd = reader.position + valueLength;
      reader.position = view.valueEnd;
    }
    view.headerCount = reader.int();
    view.headersStart = reader.position;
    view.headersEnd = end;
    if (keyLength < -1 || valueLength < -1 || view.headerCount < 0 || reader.position > end) {
      throw damaged('a key, value or header reaches past its record');
    }
    if (view.headerCount === 0 && reader.position !== end) throw damaged('a record has bytes after its end');
    visit(view);
    reader.position = end;
  }
  if (reader.position !== bytes.length) throw damaged('it has bytes after its last record');
}

const MAX_EXACT_BASE = 2n ** 53n - 2n ** 32n;

const damaged = (what: string): FarshoreError => new FarshoreError('batch_corrupt', `A batch cannot be read: ${what}`);

/** A reader's error with the offset it happened at; what the visitor itself threw stays as it is. */
function located(batch: RawBatch, error: unknown): unknown {
  if (!(error instanceof FarshoreError) || (error.code !== 'batch_corrupt' && error.code !== 'memory_limit')) return error;
  if (error.place !== undefined) return error;
  return new FarshoreError(error.code, error.message, {
    place: `offset ${batch.baseOffset}`,
    cause: error,
    // Whoever skips it skips all of it.
    facts: { ...error.facts, nextOffset: String(batch.lastOffset + 1n) },
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

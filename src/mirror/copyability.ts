import { batchHasDeleteHorizon, batchHasLogAppendTime, batchLastOffsetDelta, batchRecordCount, type RawBatch } from '../model/batch.ts';
import type { ReencodeReason } from '../model/events.ts';

/**
 * Whether a batch can be produced again with the bytes it has, or why it must be written anew. Each
 * reason was tried against a broker: gaps are refused as INVALID_RECORD, log-append-time batches are
 * taken but readers then see other timestamps, a delete horizon stands where the first timestamp
 * should be, and a batch above the topic's `max.message.bytes` is refused.
 */
export function reencodeReason(batch: RawBatch, maxBatchBytes: number): ReencodeReason | undefined {
  if (batch.magic < 2) return 'old_magic';
  const { bytes } = batch;
  if (batchRecordCount(bytes) !== batchLastOffsetDelta(bytes) + 1) return 'offset_gap';
  if (batchHasDeleteHorizon(bytes)) return 'delete_horizon';
  if (batchHasLogAppendTime(bytes)) return 'log_append_time';
  if (bytes.length > maxBatchBytes) return 'too_large';
  return undefined;
}

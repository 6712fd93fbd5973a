import { BATCH_HEADER_BYTES, batchIsControl, batchIsTransactional, batchProducerId, type RawBatch } from '../../model/batch.ts';
import { VarintReader } from './varint.ts';

/** A transaction that the broker says was aborted: its batches are those of the producer from `firstOffset` to its marker. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

export interface CommittedBatches {
  /** Committed batches that hold records, untouched. Only the first may start below the offset asked for. */
  readonly batches: readonly RawBatch[];
  /** Past every batch looked at, never below the offset asked for. */
  readonly nextOffset: bigint;
  readonly droppedAborted: number;
  readonly droppedControl: number;
}

/**
 * What a read_committed reader sees of a fetch answer, as Kafka's own consumer finds it: in order of
 * first offset, each aborted transaction marks its producer until that producer's next marker. One
 * marker ends one transaction, so several of one producer and overlapping ones of several do not mix.
 * A batch outside any transaction passes even when its producer is marked.
 *
 * The answer's list also names transactions that began before the answer and whose markers come after
 * it; the broker never sends data above the last stable offset.
 */
export function committedBatches(
  batches: readonly RawBatch[],
  aborted: readonly AbortedTransaction[],
  fetchOffset: bigint,
): CommittedBatches {
  const pending = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : a.firstOffset > b.firstOffset ? 1 : 0));
  const marked = new Set<bigint>();
  const committed: RawBatch[] = [];
  let nextOffset = fetchOffset;
  let droppedAborted = 0;
  let droppedControl = 0;
  let taken = 0;
  for (const batch of batches) {
    for (let next = pending[taken]; next !== undefined && next.firstOffset <= batch.lastOffset; next = pending[++taken]) {
      marked.add(next.producerId);
    }
    if (batch.lastOffset >= nextOffset) nextOffset = batch.lastOffset + 1n;
    if (batch.magic === 2 && batchIsControl(batch.bytes)) {
      droppedControl++;
      if (markerOf(batch) !== undefined) marked.delete(batchProducerId(batch.bytes));
    } else if (batch.magic === 2 && batchIsTransactional(batch.bytes) && marked.has(batchProducerId(batch.bytes))) {
      droppedAborted++;
    } else if (batch.recordCount > 0 && batch.lastOffset >= fetchOffset) {
      committed.push(batch);
    }
  }
  return { batches: committed, nextOffset, droppedAborted, droppedControl };
}

/**
 * How a control batch ends its producer's transaction: the key of its only record is (version int16,
 * type int16) with type 0 = abort and 1 = commit. Undefined for other control records (leader change,
 * snapshot) and for a marker whose record was compacted away.
 *
 * A commit ends a marked transaction too: it can only be the next one's, when compaction removed the
 * abort marker in between.
 */
export function markerOf(batch: RawBatch): 'abort' | 'commit' | undefined {
  if (batch.recordCount === 0) return undefined;
  const reader = new VarintReader(batch.bytes, BATCH_HEADER_BYTES);
  reader.int();
  reader.position += 1;
  reader.long();
  reader.int();
  const keyLength = reader.int();
  if (keyLength < 4 || reader.position + keyLength > batch.bytes.length) return undefined;
  const type = batch.bytes.readInt16BE(reader.position + 2);
  return type === 0 ? 'abort' : type === 1 ? 'commit' : undefined;
}

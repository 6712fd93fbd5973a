import { BATCH_HEADER_BYTES, type RawBatch } from '../../../src/model/batch.ts';

/** A record of the home's log, of which there is one object: what is mirrored is known by identity. */
export interface SimRecord {
  readonly offset: bigint;
  readonly key: number;
  /** Which log it is of, where one was cut and written on. */
  readonly version: number;
  outcome: 'committed' | 'aborted' | 'open';
}

export interface SimBatch extends RawBatch {
  readonly records: readonly SimRecord[];
}

const headers = new Map<string, Buffer>();

/** The header alone: nothing here reads further. */
export function simBatch(records: readonly SimRecord[], baseOffset: bigint, lastOffset: bigint): SimBatch {
  const [delta, count] = [Number(lastOffset - baseOffset), records.length];
  const key = `${delta} ${count}`;
  let bytes = headers.get(key);
  if (bytes === undefined) {
    bytes = Buffer.alloc(BATCH_HEADER_BYTES);
    bytes.writeInt32BE(delta, 23);
    bytes.writeInt32BE(count, 57);
    headers.set(key, bytes);
  }
  return { bytes, baseOffset, lastOffset, recordCount: count, magic: 2, records };
}

/** Without gaps, and without what lies below `from`. */
export function rewritten(batch: RawBatch, from: bigint): readonly SimBatch[] {
  const records = (batch as SimBatch).records.filter(({ offset }) => offset >= from);
  if (records.length === 0) return [];
  const base = records[0]!.offset;
  return [{ ...simBatch(records, base, base + BigInt(records.length - 1)), lastOffset: batch.lastOffset }];
}

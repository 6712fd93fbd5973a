import { batchCrc, batchLeaderEpoch, type RawBatch } from '../model/batch.ts';
import type { FetchedPartition } from '../model/fetch.ts';

/** A batch of the log, or a gap in it (control batches, aborted ones), up to `end`. */
export interface LogPiece {
  readonly batch: RawBatch | undefined;
  /** Offset after it. */
  readonly end: bigint;
  readonly proof: { readonly leaderEpoch: number; readonly crc: number } | undefined;
  readonly bytes: number;
}

/**
 * The answer of a fetch as pieces of their own memory: one copy for all batches, so that a few of them do
 * not keep a whole response of many partitions alive, and the bytes that are counted are the bytes that are held.
 */
export function piecesOf(answer: Extract<FetchedPartition, { kind: 'batches' }>): readonly LogPiece[] {
  const total = answer.batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const memory = Buffer.allocUnsafeSlow(total);
  const pieces: LogPiece[] = [];
  let at = 0;
  for (const batch of answer.batches) {
    const { length } = batch.bytes;
    batch.bytes.copy(memory, at);
    const bytes = memory.subarray(at, at + length);
    at += length;
    const end = batch.lastOffset + 1n;
    pieces.push({ batch: { ...batch, bytes }, end, proof: { leaderEpoch: batchLeaderEpoch(bytes), crc: batchCrc(bytes) }, bytes: length });
  }
  const last = pieces.at(-1)?.end;
  if (last === undefined ? !answer.empty : answer.nextOffset > last) {
    pieces.push({ batch: undefined, end: answer.nextOffset, proof: answer.lastBatch, bytes: 0 });
  }
  return pieces;
}

export const bytesOf = (pieces: readonly LogPiece[]): number => pieces.reduce((sum, { bytes }) => sum + bytes, 0);

/** What a partition has read and not yet committed, in log order. */
export class LogQueue {
  #pieces: LogPiece[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Pieces that hold something from `offset` on. */
  from(offset: bigint): readonly LogPiece[] {
    const index = this.#pieces.findIndex(({ end }) => end > offset);
    return index === -1 ? [] : index === 0 ? this.#pieces : this.#pieces.slice(index);
  }

  add(pieces: readonly LogPiece[]): void {
    for (const piece of pieces) this.#pieces.push(piece);
    this.#bytes += bytesOf(pieces);
  }

  /** Drops what is committed and answers its bytes. */
  committed(next: bigint): number {
    const index = this.#pieces.findIndex(({ end }) => end > next);
    return this.#drop(index === -1 ? this.#pieces.length : index);
  }

  /** Drops everything and answers its bytes. */
  clear(): number {
    return this.#drop(this.#pieces.length);
  }

  #drop(count: number): number {
    const bytes = bytesOf(this.#pieces.splice(0, count));
    this.#bytes -= bytes;
    return bytes;
  }
}

import type { VisitRecords } from '../model/batch.ts';
import type { FarshoreError } from '../model/errors.ts';
import type { LogPiece } from './log-queue.ts';
import { type Reject, rejectOf } from './rejects.ts';

/** Records the database refused, by offset. */
export type RefusedAt = ReadonlyMap<bigint, { readonly table: string; readonly error: FarshoreError }>;

/** Visits a plan's batches once more for the records at these offsets: a record is copied only when it is kept. */
export function rejectsAt(
  pieces: readonly LogPiece[],
  { from, next }: { readonly from: bigint; readonly next: bigint },
  refused: RefusedAt,
  order: { readonly homeEpoch: number; readonly generation: number },
  visitRecords: VisitRecords,
): readonly Reject[] {
  const rejects: Reject[] = [];
  for (const { batch } of pieces) {
    if (batch === undefined || batch.lastOffset < from) continue;
    if (batch.baseOffset >= next || rejects.length === refused.size) break;
    visitRecords(batch, (record) => {
      const found = refused.get(record.offset);
      if (found !== undefined) rejects.push(rejectOf(record, found.table, order, { error: found.error }));
    });
  }
  return rejects;
}

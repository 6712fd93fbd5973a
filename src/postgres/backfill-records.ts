import type { ReplayedStatements } from '../apply/replay.ts';
import type { Chunk, OpenBackfill } from '../backfill/contracts.ts';
import { moveStatement } from './backfill-table.ts';
import type { Database } from './database.ts';

/** Records and cursor in one transaction; answers how many rows were written. The statements carry the fence. */
export async function writeRecords(
  region: Database,
  backfill: OpenBackfill,
  chunk: Chunk,
  { statements, upserts }: ReplayedStatements,
  signal: AbortSignal,
): Promise<number> {
  let written = 0;
  await region.conversation(
    [
      () => statements,
      (before) => {
        // Behind the answer of BEGIN.
        written = upserts.reduce((sum, index) => sum + before[index + 1]!.rowCount, 0);
        return [moveStatement(backfill, chunk, written)];
      },
    ],
    signal,
  );
  return written;
}

import type { Statement } from '../apply/contracts.ts';
import { homeFence, homeMoved } from '../apply/home-fence.ts';
import type { ReplayedStatements } from '../apply/replay.ts';
import type { Chunk, OpenBackfill, Written } from '../backfill/contracts.ts';
import type { HomeState } from '../model/home-state.ts';
import type { Database } from './database.ts';

/** What the rows of a chunk are of, as long as this region has not been home since. */
export interface ChunkFence {
  readonly region: string;
  /** None: there are no rows. */
  readonly states: readonly HomeState[];
}

const moved = new Error('the home has moved');

/**
 * Rows and cursor in one transaction, which asks for the home itself: what was asked before the chunk was read may be over when it is written. The
 * statements carry the lease's fence. Nothing is written once the home has moved.
 */
export async function writeChunk(
  region: Database,
  fence: ChunkFence,
  { statements, upserts }: ReplayedStatements,
  { backfill, chunk }: { readonly backfill: OpenBackfill; readonly chunk: Chunk },
  signal: AbortSignal,
): Promise<Written> {
  let written = 0;
  try {
    await region.conversation(
      [
        () => (fence.states.length === 0 ? [] : homeFence(fence.states, fence.region)),
        (answers) => {
          if (fence.states.length > 0 && homeMoved(answers.at(-1)) !== undefined) throw moved;
          return statements;
        },
        (answers) => {
          written = upserts.reduce((sum, index) => sum + answers[index]!.rowCount, 0);
          return [moveStatement(backfill, chunk, written)];
        },
      ],
      signal,
    );
  } catch (error) {
    if (error === moved) return 'home_moved';
    throw error;
  }
  return written;
}

const moveStatement = ({ id, cursor }: OpenBackfill, chunk: Chunk, written: number): Statement => ({
  text: 'select farshore.move_backfill($1, $2, $3, $4, $5, $6)',
  values: [id, cursor ?? null, chunk.cursor, BigInt(chunk.rows), BigInt(written), chunk.done],
});

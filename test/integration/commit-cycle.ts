import type { MirrorWrite, RegionalLog, WrittenEnd } from '../../src/mirror/contracts.ts';
import { OpenTransaction } from '../../src/mirror/open-transaction.ts';
import type { MirrorPosition } from '../../src/model/position.ts';

/** What the mirror makes of one round of fetches. */
export interface MirrorCycle {
  readonly writes: readonly MirrorWrite[];
  readonly positions: readonly MirrorPosition[];
}

/** Cycles in one transaction, as the mirror commits them; answers where they came to lie. */
export async function commitCycles(log: RegionalLog, cycles: readonly MirrorCycle[], signal: AbortSignal): Promise<readonly WrittenEnd[]> {
  const open = new OpenTransaction(0);
  const all: WrittenEnd[] = [];
  for (const { writes, positions } of cycles) {
    const ends = await log.produce(writes, signal);
    open.add({ positions, mirrored: [], reencoded: [] }, ends);
    all.push(...ends);
  }
  await log.commit(open.positions, signal);
  return all;
}

export const commitCycle = (log: RegionalLog, cycle: MirrorCycle, signal: AbortSignal): Promise<readonly WrittenEnd[]> =>
  commitCycles(log, [cycle], signal);

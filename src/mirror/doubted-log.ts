import { inDoubt } from './answered-positions.ts';
import type { MirrorTransaction, RegionalLog } from './contracts.ts';
import type { PartitionTable } from './table.ts';

export interface DoubtedLog extends RegionalLog {
  /** A commit was rejected, for whatever reason: nothing may be committed before `open` (C9). */
  readonly inDoubt: boolean;
}

/** The region's log, which notes at the partitions what was sent there and is not known to have arrived. */
export function doubtedLog(regional: RegionalLog, table: PartitionTable): DoubtedLog {
  let doubted = false;
  return {
    ...regional,
    get inDoubt() {
      return doubted;
    },
    open: async (signal) => {
      await regional.open(signal);
      doubted = false;
      for (const p of table.all()) p.sentSinceOpen = false;
    },
    commit: async (transaction, signal) => {
      doubted = true;
      for (const { topic, partition } of transaction.writes) {
        const known = table.get(topic, partition);
        if (known !== undefined) known.sentSinceOpen = true;
      }
      try {
        const committed = await regional.commit(transaction, signal);
        doubted = false;
        return committed;
      } catch (error) {
        noteDoubt(transaction, table);
        throw error;
      }
    },
  };
}

/** What became of it is known by where the regional log ends. */
function noteDoubt({ writes, positions }: MirrorTransaction, table: PartitionTable): void {
  for (const position of positions) {
    const { topic, partition } = position;
    const written = writes.find((one) => one.topic === topic && one.partition === partition);
    const known = table.get(topic, partition);
    if (known !== undefined) known.inDoubt = inDoubt(position, written?.batches ?? []);
  }
}

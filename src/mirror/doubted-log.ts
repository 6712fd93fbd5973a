import { type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import type { MirrorPosition } from '../model/position.ts';
import { offsetsOf } from './answered-positions.ts';
import type { RegionalLog } from './contracts.ts';
import type { PartitionTable } from './table.ts';

export interface DoubtedLog extends RegionalLog {
  /** A transaction is open, or one was rejected for whatever reason: nothing else may be committed before it ends, or before `open` (C9). */
  readonly inDoubt: boolean;
}

/** The region's log, which notes at the partitions what was sent there and is not known to have arrived. */
export function doubtedLog(regional: RegionalLog, table: PartitionTable): DoubtedLog {
  let doubted = false;
  /** What the open transaction takes up in each partition's log. */
  const written = new Map<TopicPartitionKey, bigint>();
  return {
    ...regional,
    get inDoubt() {
      return doubted;
    },
    open: async (signal) => {
      await regional.open(signal);
      doubted = false;
      written.clear();
      for (const p of table.all()) p.sentSinceOpen = false;
    },
    // A transaction that is rejected here was not told to commit: of where it would have ended nothing is in doubt.
    produce: async (writes, signal) => {
      doubted = true;
      for (const { topic, partition, batches } of writes) {
        const known = table.get(topic, partition);
        if (known !== undefined) known.sentSinceOpen = true;
        const place = topicPartitionKey(topic, partition);
        written.set(place, (written.get(place) ?? 0n) + offsetsOf(batches));
      }
      return await regional.produce(writes, signal);
    },
    commit: async (positions, signal) => {
      doubted = true;
      try {
        await regional.commit(positions, signal);
        doubted = false;
      } catch (error) {
        noteDoubt(positions, written, table);
        throw error;
      } finally {
        written.clear();
      }
    },
  };
}

/** What became of it is known by where the regional log ends. */
function noteDoubt(positions: readonly MirrorPosition[], written: ReadonlyMap<TopicPartitionKey, bigint>, table: PartitionTable): void {
  for (const position of positions) {
    const { topic, partition } = position;
    const known = table.get(topic, partition);
    if (known !== undefined) known.inDoubt = { position, offsets: written.get(topicPartitionKey(topic, partition)) ?? 0n };
  }
}

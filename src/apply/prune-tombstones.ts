import type { Observe } from '../model/events.ts';
import { type KeepRules, type PartitionStanding, type SourceLog, tombstoneKeep, whyNoneMayGo } from './tombstone-retention.ts';

export interface PrunePage {
  /** `schema.table` */
  readonly table: string;
  readonly topics: readonly string[];
  /** Nothing goes unless this daemon still holds every position of the topics. */
  readonly epoch: bigint;
  readonly keepMs: number;
  /** Key of the last tombstone that was looked at, as the store told it; undefined at the start. */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface TombstoneStore {
  /** Looks at the next tombstones in the order of keys and deletes the old ones; `last` is undefined behind the end. */
  prune(page: PrunePage, signal: AbortSignal): Promise<{ readonly deleted: number; readonly last: string | undefined }>;
}

export interface PruneSources {
  readonly store: TombstoneStore;
  readonly epoch: bigint;
  /** The logs of topics, at home and in the region, as they are now. */
  logs(topics: readonly string[], signal: AbortSignal): Promise<readonly SourceLog[]>;
  standings(): readonly PartitionStanding[];
  readonly observe: Observe;
}

/** Looked at in one statement, by key: a pass reads each tombstone once, in its index, and holds few locks at a time. */
const AT_ONCE = 1_000;

/** One pass over the tombstones of each table. */
export async function pruneTombstones(
  tables: ReadonlyMap<string, readonly string[]>,
  rules: KeepRules,
  sources: PruneSources,
  signal: AbortSignal,
): Promise<void> {
  for (const [table, topics] of tables) {
    const keep = tombstoneKeep(await sources.logs(topics, signal), rules);
    if (keep.kind === 'unknown') sources.observe({ type: 'tombstones_kept', table, reason: keep.reason });
    if (keep.kind === 'for') await pruneTable(table, topics, keep.ms, rules.marginMs, sources, signal);
  }
}

async function pruneTable(
  table: string,
  topics: readonly string[],
  keepMs: number,
  marginMs: number,
  { store, epoch, standings, observe }: PruneSources,
  signal: AbortSignal,
): Promise<void> {
  let after: string | undefined;
  do {
    signal.throwIfAborted();
    // Before each page: a partition may stop, or an operator send it back, while a long pass goes on.
    const reason = whyNoneMayGo(topics, standings(), marginMs);
    if (reason !== undefined) {
      observe({ type: 'tombstones_kept', table, reason });
      return;
    }
    const { deleted, last } = await store.prune({ table, topics, epoch, keepMs, after, limit: AT_ONCE }, signal);
    if (deleted > 0) observe({ type: 'tombstones_pruned', table, tombstones: deleted, keptMs: keepMs });
    after = last;
  } while (after !== undefined);
}

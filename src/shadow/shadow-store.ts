import type { ShadowDiff, ShadowDiffFilter } from '../model/shadow-view.ts';
import type { KeptField, KeptHour } from './route-statistics.ts';

export interface KeptStatistics {
  readonly hours: readonly KeptHour[];
  readonly fields: readonly KeptField[];
}

/** What outlives the daemon: counts by route and hour, and places that differed with their last example. */
export interface ShadowStore {
  /** Hours that begin after `hoursSinceMs`, and every place; both bounded. */
  load(hoursSinceMs: number, signal: AbortSignal): Promise<KeptStatistics>;
  /** Whole counts: what was written before with a lower one is replaced, so that a write whose outcome is not known may come again. */
  save(statistics: KeptStatistics, signal: AbortSignal): Promise<void>;
  /** Those seen last first. */
  diffs(filter: ShadowDiffFilter, signal: AbortSignal): Promise<readonly ShadowDiff[]>;
  /** Deletes at most `limit` rows of each kind from so many days ago or longer, by the database's clock; answers how many. */
  prune(days: number, limit: number, signal: AbortSignal): Promise<number>;
}

/** Short enough that a pass over many rows holds no lock for long. */
const AT_ONCE = 1_000;

export async function pruneShadow(days: number, store: Pick<ShadowStore, 'prune'>, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    if ((await store.prune(days, AT_ONCE, signal)) === 0) return;
  }
}

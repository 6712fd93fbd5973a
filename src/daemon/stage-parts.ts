import type { CycleSizes } from '../mirror/cycle-bytes.ts';
import type { Clock } from '../model/clock.ts';
import type { Database } from '../postgres/database.ts';
import type { CurrentConfig } from './clusters.ts';
import type { Failpoints } from './failpoints.ts';
import type { Observer } from './observer.ts';

/** What mirror and apply are built from, by whoever holds a lease: that of the region, or that of one shard. */
export interface StageParts {
  readonly current: CurrentConfig;
  readonly database: Database;
  readonly lease: { readonly epoch: bigint };
  readonly observer: Observer;
  readonly clock: Clock;
  readonly failpoints: Failpoints | undefined;
  /** Of the process: what one lease learned of the link counts for the next one. */
  readonly cycleSizes: CycleSizes;
}

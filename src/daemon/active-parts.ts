import type { Metrics } from '../metrics/metrics.ts';
import type { HeldLease } from '../postgres/held-lease.ts';
import type { ShadowFront } from './shadow-front.ts';
import type { ShardHolder } from './shard-holder.ts';
import type { StageParts } from './stage-parts.ts';

/** What is built from by whoever holds the lease of the region. */
export interface ActiveParts extends StageParts {
  readonly lease: HeldLease;
  readonly metrics: Metrics;
  /** Where requests to compare come in; undefined where no shadow is configured. */
  readonly shadow: ShadowFront | undefined;
  /** Where several daemons share the region: the shards that this one works on. */
  readonly shards: ShardHolder | undefined;
}

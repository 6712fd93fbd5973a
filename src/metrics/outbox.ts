import type { Metrics } from './metrics.ts';

/** Set anew for each scrape; a backlog of undefined is not known now, and then no sample says that all is well, but one that there should be some. */
export function measureOutbox(
  metrics: Metrics,
  relayed: boolean,
  backlog: { readonly unpublished: number; readonly held: number; readonly oldestSeconds: number | undefined } | undefined,
): void {
  metrics.set('farshore_outbox_relayed', {}, relayed ? 1 : null);
  metrics.set('farshore_outbox_unpublished', {}, backlog?.unpublished ?? null);
  metrics.set('farshore_outbox_held', {}, backlog?.held ?? null);
  metrics.set('farshore_outbox_oldest_seconds', {}, backlog === undefined ? null : (backlog.oldestSeconds ?? 0));
}

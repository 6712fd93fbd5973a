import { measureAudit } from '../metrics/audit.ts';
import { measureBackfill } from '../metrics/backfill.ts';
import { measureCutover, measureUnmirroredTail } from '../metrics/cutover.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { measureOutbox } from '../metrics/outbox.ts';
import { measureShadow } from '../metrics/shadow.ts';
import { measureLag, measureShards, measureStatus, measureTopics } from '../metrics/status.ts';
import { type DaemonNow, type DaemonSelf, NO_LAG, statusNow } from './status-now.ts';

/** Gauges are set for each scrape, not for each read of the clusters: as fresh for whoever looks, and free while nobody does. */
export async function scrape(
  metrics: Metrics,
  self: DaemonSelf,
  now: DaemonNow,
): Promise<{ readonly contentType: string; readonly body: string }> {
  const { active, shards } = now;
  const lag = active?.lag.snapshot() ?? NO_LAG;
  measureLag(metrics, lag);
  measureStatus(metrics, statusNow(self, now, lag, 'here'));
  measureTopics(metrics, active?.mirror.gaps);
  measureShards(metrics, shards && { count: self.config.mirror.shards, held: shards.held });
  metrics.set('farshore_buffer_bytes', { stage: 'apply' }, active?.applyBufferBytes ?? shards?.bufferedBytes);
  now.shadow?.measure();
  measureAudit(metrics, active?.audit?.figures === undefined ? undefined : active.audit.status());
  measureOutbox(metrics, active?.outboxRelay.relaying ?? false, active?.outboxBacklog);
  measureBackfill(metrics, active?.backfill?.status());
  measureShadow(metrics, active?.shadow?.view());
  const cutover = active?.cutover;
  measureCutover(metrics, { state: cutover?.state, gates: cutover?.measured()?.view.gates });
  measureUnmirroredTail(metrics, active?.unmirroredTail ?? []);
  metrics.set('farshore_leader', {}, now.role === 'active' ? 1 : 0);
  metrics.set('farshore_fencing_epoch', {}, now.leaseEpoch);
  return await metrics.render();
}

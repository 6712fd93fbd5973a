import type { BackfillStatus } from '../model/backfill.ts';
import type { Metrics } from './metrics.ts';

export function measureBackfill(metrics: Metrics, status: BackfillStatus | undefined): void {
  metrics.clear('farshore_backfill_open');
  for (const { table, state } of status?.backfills ?? []) {
    if (state !== 'done' && state !== 'stopped') metrics.set('farshore_backfill_open', { table, state }, 1);
  }
}

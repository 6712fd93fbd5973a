import { type BackfillStatus, backfillShare, isOpenBackfill } from '../model/backfill.ts';
import type { Metrics } from './metrics.ts';

export function measureBackfill(metrics: Metrics, status: BackfillStatus | undefined): void {
  metrics.clear('farshore_backfill_open');
  metrics.clear('farshore_backfill_progress_ratio');
  for (const view of status?.backfills ?? []) {
    if (!isOpenBackfill(view)) continue;
    const { table, state } = view;
    metrics.set('farshore_backfill_open', { table, state: state as 'running' }, 1);
    const share = backfillShare(view);
    if (share !== undefined) metrics.set('farshore_backfill_progress_ratio', { table }, share);
  }
}

import { type AuditStatus, unlistedRows } from '../model/audit.ts';
import type { Metrics } from './metrics.ts';

/** Set anew for each scrape; undefined: not known now, and then no sample says that all is well. */
export function measureAudit(metrics: Metrics, status: AuditStatus | undefined): void {
  metrics.clear('farshore_divergent_rows');
  metrics.clear('farshore_audit_suspects');
  metrics.clear('farshore_audit_unsettled');
  metrics.clear('farshore_audit_unlisted_rows');
  metrics.clear('farshore_audit_coverage_ratio');
  metrics.clear('farshore_audit_pass_age_seconds');
  for (const view of status?.tables ?? []) {
    const { table, divergent, suspects, unsettled, coverage, passAgeSeconds } = view;
    for (const kind of ['missing', 'extra', 'changed'] as const) metrics.set('farshore_divergent_rows', { table, kind }, divergent[kind]);
    metrics.set('farshore_audit_suspects', { table }, suspects);
    metrics.set('farshore_audit_unsettled', { table }, unsettled);
    metrics.set('farshore_audit_unlisted_rows', { table }, unlistedRows(view));
    metrics.set('farshore_audit_coverage_ratio', { table }, coverage);
    metrics.set('farshore_audit_pass_age_seconds', { table }, passAgeSeconds);
  }
}

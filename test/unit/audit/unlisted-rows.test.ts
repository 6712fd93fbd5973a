import { describe, expect, it } from 'vitest';
import { auditText } from '../../../src/cli/audit-text.ts';
import { measureAudit } from '../../../src/metrics/audit.ts';
import { Metrics } from '../../../src/metrics/metrics.ts';
import type { AuditPassView, AuditTableView } from '../../../src/model/audit.ts';

const pass = (changes: Partial<AuditPassView>): AuditPassView => ({
  by: 'ada',
  startedAt: '2025-01-01T00:00:00.000Z',
  endedAt: null,
  stopped: null,
  rowsCompared: 1_000_000,
  rowsExpected: 1_000_000,
  rowsUnlisted: 0,
  bytes: 0,
  workingSeconds: 1,
  ...changes,
});
/** A table of a million rows of which the region has none: a thousand a range are listed. */
const emptied: AuditTableView = {
  table: 'public.bills',
  refused: [],
  lastPass: pass({ endedAt: '2025-01-01T01:00:00.000Z', rowsUnlisted: 950_000 }),
  openPass: pass({ rowsCompared: 20_000, rowsUnlisted: 19_000 }),
  passAgeSeconds: 60,
  coverage: 0.05,
  divergent: { missing: 50_000, extra: 0, changed: 0 },
  suspects: 0,
  unsettled: 0,
  parked: 0,
  ignored: 0,
  needsFullAudit: true,
};
const status = { enabled: true, known: true, activity: 'compares public.bills', tables: [emptied] };

describe('rows that differ and are not listed', () => {
  it('are shown beside those that are, while the next pass has not met them yet too', () => {
    const [head, row] = auditText(status)
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    expect(row?.[head!.indexOf('UNLISTED')]).toBe('950000');
    expect(row?.[head!.indexOf('MISSING')]).toBe('50000');
  });

  it('are in the metrics', async () => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    measureAudit(metrics, status);
    expect((await metrics.render()).body).toContain('farshore_audit_unlisted_rows{table="public.bills"} 950000');
  });
});

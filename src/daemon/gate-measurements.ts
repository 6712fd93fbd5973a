import type { AuditStage } from '../audit/audit-stage.ts';
import { coverageOf, openRows } from '../audit/coverage.ts';
import type { BackfillStage } from '../backfill/backfill-stage.ts';
import type { GateMeasurements } from '../cutover/contracts.ts';
import { isOpenBackfill } from '../model/backfill.ts';
import type { Clock } from '../model/clock.ts';
import type { ShadowStage } from '../shadow/shadow-stage.ts';

const missing = (reason: string) => ({ kind: 'missing', reason }) as const;

/** What the audit found, table by table. Rows that it could not settle, or did not list, and parked ones take from the coverage: none was found equal. */
export function divergenceMeasured(audit: Pick<AuditStage, 'status' | 'measuredAtMs'> | undefined): GateMeasurements['divergence'] {
  if (audit === undefined) return missing('no table is audited: primary.database is not set, or audit.enabled is off');
  const atMs = audit.measuredAtMs;
  if (atMs === undefined) return missing('the audit’s figures could not be read');
  const tables = audit.status().tables.map((view) => {
    const { table, refused, lastPass, passAgeSeconds, divergent } = view;
    return {
      table,
      divergentRows: divergent.missing + divergent.extra + divergent.changed,
      coverage: refused.length > 0 ? 0 : coverageOf(lastPass, openRows(view)),
      ageSeconds: passAgeSeconds,
    };
  });
  return { kind: 'measured', atMs, value: { tables } };
}

/** Tables that are being filled, or whose filling failed: what they miss, no audit may have looked for yet. */
export function backfillMeasured(backfill: Pick<BackfillStage, 'status' | 'measuredAtMs'> | undefined): GateMeasurements['backfill'] {
  if (backfill === undefined) return missing('no table is applied');
  const atMs = backfill.measuredAtMs;
  if (atMs === undefined) return missing('whether tables are being filled was not looked at yet');
  const open = backfill.status().backfills.filter(isOpenBackfill);
  return { kind: 'measured', atMs, value: { open: open.map(({ table, state }) => ({ table, state })) } };
}

/** How the region’s answers matched. A shadow that compares nothing has nothing to say, whatever it said before. */
export function shadowMeasured(
  shadow: Pick<ShadowStage, 'view'> | undefined,
  clock: Pick<Clock, 'monotonicMs'>,
): GateMeasurements['shadow'] {
  if (shadow === undefined) return missing('no shadow is configured');
  const atMs = clock.monotonicMs();
  const { comparing, secondsSinceComparison, total } = shadow.view();
  if (!comparing || secondsSinceComparison === null || total.lowerBound === null) return missing('no answer was compared yet');
  const { unsettled } = total.counts;
  return {
    kind: 'measured',
    atMs: atMs - secondsSinceComparison * 1_000,
    value: { score: total.lowerBound, samples: total.samples + unsettled, unsettled },
  };
}

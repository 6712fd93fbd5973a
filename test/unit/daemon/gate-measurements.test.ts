import { describe, expect, it } from 'vitest';
import { backfillMeasured, divergenceMeasured } from '../../../src/daemon/gate-measurements.ts';
import type { AuditPassView, AuditStatus, AuditTableView } from '../../../src/model/audit.ts';
import type { BackfillView } from '../../../src/model/backfill.ts';

const pass: AuditPassView = {
  by: 'ada',
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T01:00:00.000Z',
  stopped: null,
  rowsCompared: 100,
  rowsExpected: 100,
  rowsUnlisted: 0,
  bytes: 1,
  workingSeconds: 1,
};
const table = (changes: Partial<AuditTableView> = {}): AuditTableView => ({
  ...{ table: 'public.invoices', refused: [], lastPass: pass, openPass: null, passAgeSeconds: 9, coverage: 1 },
  ...{ divergent: { missing: 0, extra: 0, changed: 0 }, suspects: 0, unsettled: 0, parked: 0, ignored: 0, needsFullAudit: false },
  ...changes,
});
const measured = (view: AuditTableView, atMs: number | undefined = 5) => {
  const status: AuditStatus = { enabled: true, known: atMs !== undefined, activity: '', tables: [view] };
  return divergenceMeasured({ status: () => status, measuredAtMs: atMs });
};

describe('what the gate of divergence is told', () => {
  it.each([
    ['all rows compared', {}, { divergentRows: 0, coverage: 1, ageSeconds: 9 }],
    ['rows that differ, of every kind', { divergent: { missing: 1, extra: 2, changed: 3 } }, { divergentRows: 6 }],
    ['suspects and unsettled rows were not compared', { suspects: 2, unsettled: 3 }, { coverage: 0.95 }],
    // Their record may be gone since, discarded or expired, with which the gates of kept records open: the rows are as different as before.
    ['parked rows were found different', { parked: 5 }, { divergentRows: 0, coverage: 0.95 }],
    ['all that is open takes from it', { suspects: 1, unsettled: 2, parked: 3 }, { coverage: 0.94 }],
    ['rows that were not listed were not compared', { lastPass: { ...pass, rowsUnlisted: 10 } }, { coverage: 0.9 }],
    ['a table that was never compared', { lastPass: null, passAgeSeconds: null }, { coverage: 0, ageSeconds: null }],
    ['a table that cannot be compared', { refused: [{ code: 'x', message: 'no key', hint: null }] }, { coverage: 0 }],
  ])('%s', (_, changes, expected) => {
    expect(measured(table(changes))).toMatchObject({ kind: 'measured', value: { tables: [expected] } });
  });

  it('is missing while the figures cannot be read, and where nothing is audited', () => {
    expect(
      divergenceMeasured({ status: () => ({ enabled: true, known: false, activity: '', tables: [] }), measuredAtMs: undefined }),
    ).toEqual({
      kind: 'missing',
      reason: 'the audit’s figures could not be read',
    });
    expect(divergenceMeasured(undefined)).toMatchObject({ kind: 'missing' });
  });
});

describe('what the gate of backfills is told', () => {
  const view = (state: BackfillView['state'], name: string) => ({ table: name, state }) as BackfillView;
  const told = (backfills: readonly BackfillView[], measuredAtMs: number | undefined) =>
    backfillMeasured({ status: () => ({ enabled: true, backfills }), measuredAtMs });

  it('names the tables whose backfill has not ended, failed ones too, and when that was read', () => {
    const all = [view('done', 'a'), view('failed', 'b'), view('stopped', 'c'), view('paused', 'd'), view('settling', 'e')];
    const open = [
      { table: 'b', state: 'failed' },
      { table: 'd', state: 'paused' },
      { table: 'e', state: 'settling' },
    ];
    expect(told(all, 7)).toEqual({ kind: 'measured', atMs: 7, value: { open } });
    expect(told([view('done', 'a')], 7)).toMatchObject({ value: { open: [] } });
  });

  it('is missing before it was looked at, and where nothing is applied', () => {
    expect(told([], undefined)).toMatchObject({ kind: 'missing' });
    expect(backfillMeasured(undefined)).toMatchObject({ kind: 'missing' });
  });
});

import type { GateLimits, GateMeasurements, Measurement, SaveOutcome } from '../../../src/cutover/contracts.ts';
import { readGates } from '../../../src/cutover/gates.ts';
import { type Cutover, firstCutover, type LogEntry } from '../../../src/cutover/state.ts';
import { advance, type Readiness, readiness } from '../../../src/cutover/window.ts';

export const at = '2026-03-01T10:00:00.000Z';
export const limits: GateLimits = {
  staleSeconds: 30,
  lag: { maxSeconds: 5 },
  heartbeat: { maxAgeSeconds: 10 },
  fullAudit: { maxAgeSeconds: 30 },
  schema: { maxAgeSeconds: 30 },
  rejected: { max: 0 },
  parked: { max: 0 },
  divergence: { maxRows: 0, minCoverage: 1, maxAgeSeconds: 86_400 },
  shadow: { minScore: 0.999, minSamples: 1_000 },
  reversePath: { maxAgeSeconds: 60 },
};

export const measured = <T>(value: T, atMs = 0): Measurement<T> => ({ kind: 'measured', atMs, value });

export const notStuck = { stuckSeconds: { primary: 0, region: 0 } } as const;

export const good = (atMs = 0): GateMeasurements => ({
  partitions: measured({ total: 4, notRunning: [] }, atMs),
  lag: measured({ partitions: 4, unknown: [], worstSeconds: 1.2, worstPlace: 'invoices:3', ...notStuck }, atMs),
  heartbeat: measured({ ageSeconds: 1 }, atMs),
  fullAudit: measured({ tables: [] }, atMs),
  backfill: measured({ open: [] }, atMs),
  schema: measured({ tables: 2, problems: [] }, atMs),
  rejected: measured({ records: 0 }, atMs),
  parked: measured({ records: 0 }, atMs),
  divergence: measured({ tables: [{ table: 'public.invoices', divergentRows: 0, coverage: 1, ageSeconds: 60 }] }, atMs),
  shadow: measured({ score: 0.9995, samples: 20_000, unsettled: 3 }, atMs),
  reversePath: measured({ roundTripAgeSeconds: 2 }, atMs),
  hold: measured(null, atMs),
});

/** All gates open for the whole window, or as changed. */
export function readinessOf(changes: Partial<GateMeasurements> = {}, heldMs = 900_000): Readiness {
  const patient = { ...limits, staleSeconds: 1_000_000, schema: { maxAgeSeconds: 1_000_000 }, fullAudit: { maxAgeSeconds: 1_000_000 } };
  const settings = { windowMs: 900_000, maxGapMs: 900_000 };
  const first = readGates({ ...good(0), ...changes }, patient, 0);
  const last = readGates({ ...good(0), ...changes }, patient, heldMs);
  return readiness(advance(advance(undefined, first, 0, settings), last, heldMs, settings), last, settings);
}

export const cutover = (changes: Partial<Cutover> = {}): Cutover => ({ ...firstCutover('eu-west', 'us-east', at), ...changes });

/** What the database does: one row, changed where it is still the one that was seen. */
export class RowDouble {
  row: Cutover;
  readonly log: { readonly revision: bigint; readonly entry: LogEntry; readonly open: Cutover['open'] }[] = [];

  constructor(row: Cutover) {
    this.row = row;
  }

  save(seen: Cutover, next: Cutover, entry: LogEntry): SaveOutcome {
    if (seen.revision !== this.row.revision || seen.epoch !== this.row.epoch) return 'changed_meanwhile';
    this.row = next;
    this.log.push({ revision: next.revision, entry, open: next.open });
    return 'saved';
  }
}

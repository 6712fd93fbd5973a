import type { PassStopped } from '../model/audit.ts';
import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { AuditStore, OpenPass } from './audit-contracts.ts';
import type { ComparedTable, PassSteps, Sides } from './contracts.ts';
import { fitsCursor } from './pass-cursor.ts';
import { type SettleParts, type SettleSettings, settle } from './settle.ts';

/** What a pass may use. */
export interface PassBudget {
  /** Monotonic time at which it stands still. */
  readonly untilMs: number;
  readonly maxRows: number;
  /** From both sides. */
  readonly maxBytes: number;
  /** What the run has used of both so far: a table that is asked again within it goes on counting. */
  readonly used: { rows: number; bytes: number };
  /** Undefined: as fast as both sides answer. */
  readonly maxRowsPerSecond: number | undefined;
  /** Replication comes first: above this lag the pass waits. */
  readonly pauseAboveLagSeconds: number;
  /** And so does what else the daemon does: it waits above this part of its thread's time. */
  readonly pauseAboveLoad: number;
}

export interface PassParts {
  readonly sides: Sides;
  readonly passSteps: PassSteps;
  readonly store: AuditStore;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Of the slowest partition; undefined while it is not known, and then the pass waits too. */
  readonly lagSeconds: () => number | undefined;
  /** The part of its time in which the daemon's thread is not waiting. */
  readonly load: () => number;
  readonly settling: Pick<SettleParts, 'passed' | 'held'>;
}

export interface PassSettings {
  readonly rowsPerRange: number;
  readonly settle: SettleSettings;
}

export interface PassEnd {
  /** Undefined: it reached the end of the table. */
  readonly stopped: PassStopped | undefined;
  /** In words, of one that failed. */
  readonly why: string;
}

/** So many suspects are settled at once: the waits of the bracket cost the same for one and for thousands. */
const SUSPECTS_AT_ONCE = 5_000;
const PAUSE_LOOK_MS = 1_000;

/**
 * Compares one table from where its open pass stands, to its end or to that of the budget, and settles what it met, and what earlier passes left
 * open. What it saw is kept either way. An open pass that cannot go on, since an index, a collation or the source of the table changed, begins
 * anew: what it skipped would be called equal, and standing there it would never end. Rejects when the region's database cannot keep it, and with the signal's reason; the pass goes on later.
 */
export async function runPass(
  name: string,
  table: ComparedTable,
  asked: { readonly by: string; readonly rowsExpected: number; readonly lostDeletes: boolean },
  parts: PassParts,
  settings: PassSettings,
  budget: PassBudget,
  signal: AbortSignal,
): Promise<PassEnd> {
  const { store, clock } = parts;
  const opened = await store.openPass(name, asked.by, asked.rowsExpected, signal);
  const stands = opened.cursor === undefined || fitsCursor(table, opened.cursor);
  if (!stands) parts.observe({ type: 'audit_pass_restarted', table: name, rows: opened.rowsCompared });
  const pass = stands ? opened : await store.restartPass(opened, asked.by, asked.rowsExpected, signal);
  const startedMs = clock.monotonicMs();
  let stopped: PassStopped | undefined;
  let why = '';
  try {
    stopped = await compare(pass, table, parts, settings, budget, asked.lostDeletes, signal);
    await settleOpen(pass, table, parts, settings.settle, budget, asked.lostDeletes, signal);
  } catch (error) {
    const known = findFarshoreError(error);
    if (signal.aborted || known === undefined || known.action === 'halt') throw error;
    stopped = known.action === 'retry' ? 'unreachable' : 'refused';
    why = known.message;
    parts.observe({ type: 'audit_pass_failed', table: name, code: known.code, message: known.message, hint: known.hint });
  }
  const workedMs = clock.monotonicMs() - startedMs;
  const seconds = (await store.endPass(pass, stopped, workedMs, signal)) / 1_000;
  parts.observe({ type: 'audit_pass_ended', table: name, stopped, seconds });
  return { stopped, why };
}

async function compare(
  pass: OpenPass,
  table: ComparedTable,
  parts: PassParts,
  { rowsPerRange, settle: settling }: PassSettings,
  budget: PassBudget,
  lostDeletes: boolean,
  signal: AbortSignal,
): Promise<PassStopped | undefined> {
  const { sides, passSteps, store, clock, observe } = parts;
  const { used } = budget;
  let open = 0;
  let paceMs = clock.monotonicMs();
  for await (const step of passSteps(table, sides, { rowsPerRange, cursor: pass.cursor }, signal)) {
    const { cursor, rowsCompared, bytesReceived, suspects, unlisted } = step;
    const unlistedRows = unlisted.reduce((total, { primaryRows, regionRows }) => total + Math.max(primaryRows, regionRows), 0);
    await store.step(pass, { cursor, rows: rowsCompared, bytes: bytesReceived, unlisted: unlistedRows, suspects }, signal);
    observe({
      type: 'audit_compared',
      table: pass.table,
      rows: rowsCompared,
      bytes: bytesReceived,
      suspects: suspects.length,
      unlisted: unlistedRows,
    });
    used.rows += rowsCompared;
    used.bytes += bytesReceived;
    open += suspects.length;
    if (open >= SUSPECTS_AT_ONCE) {
      await settleOpen(pass, table, parts, settling, budget, lostDeletes, signal);
      open = 0;
    }
    if (step.done) break;
    if (clock.monotonicMs() >= budget.untilMs) return 'max_seconds';
    if (used.rows >= budget.maxRows) return 'max_rows';
    if (used.bytes >= budget.maxBytes) return 'max_bytes';
    if (budget.maxRowsPerSecond !== undefined) {
      paceMs = Math.max(paceMs, clock.monotonicMs() - 1_000) + (rowsCompared / budget.maxRowsPerSecond) * 1_000;
      const waitMs = paceMs - clock.monotonicMs();
      if (waitMs > 0) await clock.sleep(waitMs, signal);
    }
    if (await pausedUntil(parts, budget, signal)) return 'max_seconds';
  }
  return undefined;
}

/** Waits while the region is behind, or the daemon busy; true when the budget's time ran out meanwhile. */
async function pausedUntil({ lagSeconds, load, clock }: PassParts, budget: PassBudget, signal: AbortSignal): Promise<boolean> {
  const waits = () => (lagSeconds() ?? Number.POSITIVE_INFINITY) > budget.pauseAboveLagSeconds || load() > budget.pauseAboveLoad;
  while (waits()) {
    if (clock.monotonicMs() >= budget.untilMs) return true;
    await clock.sleep(PAUSE_LOOK_MS, signal);
  }
  return false;
}

async function settleOpen(
  pass: OpenPass,
  table: ComparedTable,
  { sides, clock, store, observe, settling }: PassParts,
  settings: SettleSettings,
  { used }: PassBudget,
  lostDeletes: boolean,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const open = await store.unchecked(pass, SUSPECTS_AT_ONCE, signal);
    if (open.length === 0) return;
    const { settled: found, bytes } = await settle(table, open, { sides, clock, ...settling }, settings, signal);
    used.bytes += bytes;
    const idOf = new Map(open.map(({ id, key }) => [JSON.stringify(key), id]));
    const named = found.map((one) => ({ ...one, id: idOf.get(JSON.stringify(one.key))! }));
    await store.settled(pass, named, { lostDeletes, bytes }, signal);
    for (const one of named) {
      if (one.state !== 'confirmed') continue;
      const { key, kind, columns } = one;
      const cause = lostDeletes && kind === 'extra' ? 'lost_delete' : undefined;
      observe({ type: 'audit_finding', table: pass.table, key: key.join(','), kind, columns, cause });
    }
    const counts = { healed: 0, confirmed: 0, unsettled: 0, parked: 0 };
    for (const { state } of found) counts[state]++;
    observe({ type: 'audit_settled', table: pass.table, ...counts, bytes });
  }
}

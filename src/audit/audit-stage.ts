import type { AuditFinding, AuditStatus, AuditTableView, FindingFilter, PassStopped } from '../model/audit.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { TableFigures } from './audit-contracts.ts';
import type { AuditedTable, AuditParts } from './audit-parts.ts';
import { type PassBudget, type PassParts, type PassSettings, runPass } from './audit-pass.ts';
import { AuditRepairs, POLICY, type RepairsRequest } from './audit-repairs.ts';
import type { Refused, Suspect } from './contracts.ts';
import { coverageOf, openRows } from './coverage.ts';
import { passSteps } from './pass.ts';
import type { RepairOutcome } from './repair.ts';

export interface AuditSettings extends PassSettings {
  readonly policy: 'report' | 'repair';
  /** Most repairs that the policy makes after one pass: more than that are no slips, and wait for somebody. */
  readonly policyRepairs: number;
  readonly maxSeconds: number;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly maxRowsPerSecond: number | undefined;
  readonly pauseAboveLagSeconds: number;
  readonly pauseAboveLoad: number;
}

const budgetSpent: ReadonlySet<PassStopped> = new Set(['max_seconds', 'max_rows', 'max_bytes']);
const FIGURES_MS = 5_000;
/** An unreachable side is asked again after this. */
const AGAIN_MS = 30_000;

/** Tables that were asked for together share its time, which runs from the first one's beginning. */
interface Run {
  untilMs: number | undefined;
}

/** One asking: a pass that runs when the table is asked for again serves the asking before, and the new one is another. */
interface Asking {
  readonly by: string;
  readonly run: Run;
  /** Rows and bytes of its tries. */
  readonly used: { rows: number; bytes: number };
}

/** Runs passes one after another, as asked and as scheduled; findings, figures and cursors are in the database. */
export class AuditStage {
  readonly #parts: AuditParts;
  readonly #settings: AuditSettings;
  /** Table → the asking that its next pass serves. */
  readonly #asked = new Map<string, Asking>();
  readonly #refused = new Map<string, Refused['reasons']>();
  #wake = Promise.withResolvers<void>();
  #activity = 'waits for its next time';
  #figures: readonly TableFigures[] | undefined;
  #figuresAtMs = 0;
  #needed: ReadonlySet<string> = new Set();
  readonly #repairs: AuditRepairs;

  constructor(parts: AuditParts, settings: AuditSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#repairs = new AuditRepairs(parts);
  }

  /** Asks for a pass over a table, or over all. Throws `request_invalid` for a table that is not audited. */
  request(table: string | undefined, by: string): readonly string[] {
    const names = this.#parts.tables.map(({ name }) => name);
    if (table !== undefined && !names.includes(table)) {
      const hint = names.length === 0 ? 'No table is applied.' : `Audited: ${names.join(', ')}.`;
      throw new FarshoreError('request_invalid', `${table} is not audited`, { hint });
    }
    const wanted = table === undefined ? names : [table];
    const run: Run = { untilMs: undefined };
    for (const name of wanted) this.#ask(name, by, run);
    return wanted;
  }

  #ask(name: string, by: string, run: Run): void {
    this.#asked.set(name, { by, run, used: { rows: 0, bytes: 0 } });
    this.#wake.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const stop = AbortSignal.any([signal, done.signal]);
    try {
      await Promise.all([this.#passes(stop), this.#watch(stop)]);
    } finally {
      done.abort();
    }
  }

  /** What is known now; undefined before the database was asked, and while it cannot be. */
  status(): AuditStatus {
    const figures = new Map(this.#figures?.map((one) => [one.table, one]));
    const tables = this.#parts.tables.map(({ name }): AuditTableView => {
      const found = figures.get(name);
      const open = found === undefined ? 0 : openRows(found);
      return {
        table: name,
        refused: (this.#refused.get(name) ?? []).map(({ code, message, hint }) => ({ code, message, hint: hint ?? null })),
        lastPass: found?.lastPass ?? null,
        openPass: found?.openPass ?? null,
        passAgeSeconds: found?.passAgeSeconds ?? null,
        coverage: coverageOf(found?.openPass ?? found?.lastPass, open),
        divergent: found?.divergent ?? { missing: 0, extra: 0, changed: 0 },
        suspects: found?.suspects ?? 0,
        unsettled: found?.unsettled ?? 0,
        parked: found?.parked ?? 0,
        ignored: found?.ignored ?? 0,
        needsFullAudit: this.#needed.has(name),
      };
    });
    return { enabled: true, known: this.#figures !== undefined, activity: this.#activity, tables };
  }

  /** Undefined: not known now. */
  get figures(): readonly TableFigures[] | undefined {
    return this.#figures;
  }

  /** Monotonic time before the figures were read; undefined while they are not known. */
  get measuredAtMs(): number | undefined {
    return this.#figures === undefined ? undefined : this.#figuresAtMs;
  }

  async findings(
    filter: FindingFilter,
    page: { readonly after: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly AuditFinding[]> {
    return await this.#parts.store.findings(filter, page, signal);
  }

  /**
   * Takes rows that were found to be written behind the daemon: suspects of the first rank, which the next pass asks at the primary. Those of a
   * table that is not compared are told by their event only.
   */
  async noteRogueWrites(
    found: readonly { readonly table: string; readonly key: string; readonly kind: string; readonly columns: readonly string[] }[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const [name, rogue] of Map.groupBy(found, ({ table }) => table)) {
      const table = this.#parts.tables.find((one) => one.name === name);
      const prepared = await table?.prepare(signal);
      if (table === undefined || prepared?.kind !== 'compared') continue;
      const printed = rogue.map(({ key }) => (JSON.parse(key) as readonly unknown[]).map(String));
      const keys = await table.keysOf(prepared.table, printed, signal);
      const suspects = rogue.map(
        ({ kind, columns }, index): Suspect => ({
          key: keys[index]!,
          kind: kind === 'missing' ? 'missing' : 'changed',
          columns,
        }),
      );
      await this.#parts.store.noteRogueWrites(name, suspects, signal);
    }
  }

  async triage(filter: FindingFilter, to: 'ignored' | 'resolved', by: string, signal: AbortSignal): Promise<number> {
    const judged = await this.#parts.store.triage(filter, to, by, signal);
    await this.#look(signal);
    return judged;
  }

  async expire(days: number, signal: AbortSignal): Promise<void> {
    await this.#parts.store.expire(days, signal);
  }

  /** Repairs confirmed findings, or says what it would do. One repair at a time. */
  async repair(filter: FindingFilter, request: RepairsRequest, signal: AbortSignal): Promise<readonly RepairOutcome[]> {
    const outcomes = await this.#repairs.run(filter, request, signal);
    if (!request.dryRun) await this.#look(signal);
    return outcomes;
  }

  /** Passes that a daemon before left under way go on; those that used their budget up wait for their next time. */
  async #resumeOpen(signal: AbortSignal): Promise<void> {
    await this.#look(signal);
    const run: Run = { untilMs: undefined };
    for (const { table, openPass } of this.#figures ?? []) {
      const spent = openPass?.stopped != null && budgetSpent.has(openPass.stopped);
      const audited = this.#parts.tables.some(({ name }) => name === table);
      if (openPass !== null && !spent && audited) this.#ask(table, openPass.by, run);
    }
  }

  async #passes(signal: AbortSignal): Promise<void> {
    for (let resumed = false; !resumed; ) {
      try {
        await this.#resumeOpen(signal);
        resumed = true;
      } catch (error) {
        if (signal.aborted || findFarshoreError(error)?.action !== 'retry') throw error;
        await this.#parts.clock.sleep(FIGURES_MS, signal);
      }
    }
    for (;;) {
      await untilWoken(this.#wake.promise, signal);
      this.#wake = Promise.withResolvers();
      await this.#serve(signal);
      this.#activity = 'waits for its next time';
    }
  }

  /**
   * Until nothing is asked for. A table that cannot be asked now, or whose statements take longer than they may, comes up again after all others
   * had their turn, and holds none of them up; what is left of it when the time of its run is over waits for the next one.
   */
  async #serve(signal: AbortSignal): Promise<void> {
    const { clock, tables } = this.#parts;
    const later = new Map<string, string>();
    for (;;) {
      const next = tables.find(({ name }) => this.#asked.has(name) && !later.has(name));
      if (next === undefined) {
        if (later.size === 0) return;
        this.#activity = `${[...later].map(([name, why]) => `${name}: ${why}`).join('; ')}; tries again`;
        await clock.sleep(AGAIN_MS, signal);
        later.clear();
        continue;
      }
      const asking = this.#asked.get(next.name)!;
      const untilMs = asking.run.untilMs ?? clock.monotonicMs() + this.#settings.maxSeconds * 1_000;
      asking.run.untilMs = untilMs;
      const again = await this.#one(next, asking.by, { ...this.#settings, untilMs, used: asking.used }, signal);
      if (again !== undefined && clock.monotonicMs() < untilMs) later.set(next.name, again);
      // Asked for meanwhile: rows that this pass had read may have been written, or repaired, since.
      else if (this.#asked.get(next.name) === asking) this.#asked.delete(next.name);
    }
  }

  /** Why it has to be asked again; undefined: it ended, or stands until its next time. */
  async #one(table: AuditedTable, by: string, budget: PassBudget, signal: AbortSignal): Promise<string | undefined> {
    const { sides, store, clock, observe, lagSeconds, load } = this.#parts;
    try {
      this.#activity = `compares ${table.name}`;
      const prepared = await table.prepare(signal);
      if (prepared.kind === 'refused') {
        if (!this.#refused.has(table.name)) {
          for (const { code, message, hint } of prepared.reasons)
            observe({ type: 'audit_refused', table: table.name, code, message, hint });
        }
        this.#refused.set(table.name, prepared.reasons);
        return undefined;
      }
      this.#refused.delete(table.name);
      const needed = await store.needsFullAudit(signal);
      const parts: PassParts = {
        ...{ sides, passSteps, store, clock, observe, lagSeconds, load },
        settling: { passed: (stop) => table.passed(stop), held: (keys, stop) => table.held(prepared.table, keys, stop) },
      };
      const asked = { by, rowsExpected: await table.rowsExpected(signal), lostDeletes: needed.has(table.name) };
      const { stopped, why } = await runPass(table.name, prepared.table, asked, parts, this.#settings, budget, signal);
      await this.#look(signal);
      if (stopped === undefined && this.#settings.policy === 'repair') await this.#repairByPolicy(table.name, signal);
      return stopped === 'unreachable' ? why : undefined;
    } catch (error) {
      const known = findFarshoreError(error);
      if (signal.aborted || known === undefined || known.action === 'halt') throw error;
      observe({ type: 'audit_pass_failed', table: table.name, code: known.code, message: known.message, hint: known.hint });
      return known.action === 'retry' ? known.message : undefined;
    }
  }

  async #repairByPolicy(table: string, signal: AbortSignal): Promise<void> {
    const filter: FindingFilter = { ids: undefined, table, state: 'confirmed', triage: 'new' };
    await this.repair(filter, { by: POLICY, dryRun: false, limit: this.#settings.policyRepairs }, signal);
    await this.#look(signal);
  }

  /** Figures on a timer: a scrape must not wait for the database. */
  async #watch(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#look(signal);
      } catch (error) {
        if (signal.aborted || findFarshoreError(error)?.action !== 'retry') throw error;
        // An old figure would look like a new one.
        this.#figures = undefined;
      }
      await this.#parts.clock.sleep(FIGURES_MS, signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#parts;
    const atMs = clock.monotonicMs();
    const [figures, needed] = [await store.figures(signal), await store.needsFullAudit(signal)];
    this.#figures = figures;
    this.#needed = needed;
    this.#figuresAtMs = atMs;
  }
}

async function untilWoken(woken: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([woken, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

import type { AuditFinding, AuditPassView, FindingFilter, FindingKind, PassStopped } from '../model/audit.ts';
import type { Suspect } from './contracts.ts';
import type { RepairableFinding } from './repair.ts';
import type { Settled } from './settle.ts';

/** A pass that has not reached the end of its table. */
export interface OpenPass {
  readonly id: string;
  readonly table: string;
  readonly cursor: string | undefined;
  readonly rowsCompared: number;
}

/** A finding that is asked again. */
export interface OpenFinding extends Suspect {
  readonly id: string;
}

export interface TableFigures {
  readonly table: string;
  readonly divergent: Readonly<Record<FindingKind, number>>;
  readonly suspects: number;
  readonly unsettled: number;
  readonly parked: number;
  readonly ignored: number;
  readonly lastPass: AuditPassView | null;
  readonly openPass: AuditPassView | null;
  readonly passAgeSeconds: number | null;
}

/** What the audit remembers, in the regional database. All that a pass writes is behind the lease's fence. */
export interface AuditStore {
  /** The open pass of the table, or a new one. */
  openPass(table: string, by: string, rowsExpected: number, signal: AbortSignal): Promise<OpenPass>;
  /** A new pass in the place of the open one, whose cursor leads nowhere any more. */
  restartPass(pass: OpenPass, by: string, rowsExpected: number, signal: AbortSignal): Promise<OpenPass>;
  /** One step and its suspects, in one transaction: after a kill the pass goes on behind it. */
  step(
    pass: OpenPass,
    step: {
      readonly cursor: string;
      readonly rows: number;
      readonly bytes: number;
      readonly unlisted: number;
      readonly suspects: readonly Suspect[];
    },
    signal: AbortSignal,
  ): Promise<void>;
  /** Suspects that reading back found; their cause is known. */
  noteRogueWrites(table: string, suspects: readonly Suspect[], signal: AbortSignal): Promise<void>;
  /** Findings of the table that this pass has not asked again yet, those of earlier passes too. */
  unchecked(pass: OpenPass, limit: number, signal: AbortSignal): Promise<readonly OpenFinding[]>;
  /** What became of them, and the bytes it took to know. */
  settled(
    pass: OpenPass,
    found: readonly (Settled & { readonly id: string })[],
    asked: { readonly lostDeletes: boolean; readonly bytes: number },
    signal: AbortSignal,
  ): Promise<void>;
  /** Answers for how long the pass has worked by now, all its runs together. Ended, or standing at its cursor for a reason. An end also takes the table from those that need a full audit, if they did when it began and it listed all rows that differ (C7). */
  endPass(pass: OpenPass, stopped: PassStopped | undefined, workingMs: number, signal: AbortSignal): Promise<number>;
  needsFullAudit(signal: AbortSignal): Promise<ReadonlySet<string>>;
  figures(signal: AbortSignal): Promise<readonly TableFigures[]>;
  findings(
    filter: FindingFilter,
    page: { readonly after: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly AuditFinding[]>;
  repairable(
    filter: FindingFilter,
    page: { readonly after: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly RepairableFinding[]>;
  triage(filter: FindingFilter, to: 'ignored' | 'resolved', by: string, signal: AbortSignal): Promise<number>;
  /** Drops healed, repaired and resolved findings, and all passes but the last ended one of a table, that are older. What is ignored stays so. */
  expire(days: number, signal: AbortSignal): Promise<number>;
}

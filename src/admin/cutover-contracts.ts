import type { ActiveView, CutoverLogEntry, CutoverPlan, CutoverVerb, UnmirroredRange } from '../model/cutover.ts';

export interface CutoverChange {
  readonly verb: CutoverVerb;
  /** As the operator typed it. */
  readonly region: string;
  readonly by: string;
  /** Of a hold. */
  readonly reason: string | undefined;
  /** Of a start: the primary does not answer any more, and what it had beyond the region is given up (C26). */
  readonly primaryLost: boolean;
  readonly acceptLoss: boolean;
}

export interface CutoverSource {
  /** Whether this region may serve; also asked of daemons that stand by. */
  active(): Promise<ActiveView>;
  /** Rejects with `request_invalid` before the first daemon was active. */
  plan(signal: AbortSignal): Promise<CutoverPlan>;
  /** The newest first. */
  log(limit: number, signal: AbortSignal): Promise<readonly CutoverLogEntry[]>;
  /** What a primary that was given up has and the region never had; empty where none was. */
  tail(signal: AbortSignal): Promise<readonly UnmirroredRange[]>;
  /** Resolves once stored. Rejects with `request_invalid` and the reason when it is refused. */
  change(change: CutoverChange, signal: AbortSignal): Promise<CutoverPlan>;
}

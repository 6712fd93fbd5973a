/** What a trial is given. */
export interface TrialRun {
  readonly seed: number;
  readonly full: boolean;
  /** Progress, for people. */
  readonly say: (text: string) => void;
}

/** What a trial found: all three must be 0, and `complete` true. */
export interface TrialResult {
  readonly lost: number;
  readonly duplicated: number;
  readonly stale: number;
  /** Faults that were injected, or histories that were judged. */
  readonly cases: number;
  /** What else must hold, by name; each false one fails the trial. */
  readonly holds: Readonly<Record<string, boolean>>;
}

export type Trial = (run: TrialRun) => Promise<TrialResult>;

/** What a trial needs is not on this machine: it judged nothing, and says why. */
export class TrialSkipped extends Error {
  override readonly name = 'TrialSkipped';
}

export const passes = ({ lost, duplicated, stale, cases, holds }: TrialResult): boolean =>
  lost === 0 && duplicated === 0 && stale === 0 && cases > 0 && Object.values(holds).every(Boolean);

/** Numbers from 0 to below 1 that the seed alone decides (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

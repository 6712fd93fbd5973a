import fc from 'fast-check';

/**
 * A world in which the pure parts run against fakes that fail as told, and a judge that was written from the rules, not from the code.
 * A history is one value of fast-check: the same seed and path bring the same history, and no clock or port has a say in it.
 */
export interface Simulation {
  readonly name: string;
  /** What it judges, for people. */
  readonly judges: string;
  /** Histories of the short form. */
  readonly shortRuns: number;
  readonly create: () => Prepared;
}

export interface Prepared {
  readonly property: fc.IRawProperty<unknown>;
  /** How many histories got where something is judged: a world that never gets anywhere keeps every promise. */
  readonly reached: Reached;
  /** Of the histories, the least part that must have reached each place. */
  readonly leastShare: number;
}

export class Reached {
  readonly counts: Record<string, number> = {};

  constructor(places: readonly string[]) {
    for (const place of places) this.counts[place] = 0;
  }

  note(place: string, holds = true): void {
    if (!(place in this.counts)) throw new Error(`${place} is not among the places that must be reached`);
    if (holds) this.counts[place]!++;
  }

  rarer(least: number): readonly string[] {
    return Object.entries(this.counts).flatMap(([place, times]) => (times < least ? [`${place}: ${times}`] : []));
  }
}

export interface Outcome {
  readonly simulation: string;
  readonly seed: number;
  readonly histories: number;
  readonly verdict: 'pass' | 'fail';
  readonly seconds: number;
  readonly reached: Readonly<Record<string, number>>;
  /** Why it failed, with the command that brings the same history again. */
  readonly failure: string | undefined;
}

export async function simulate(
  { name, create }: Simulation,
  { seed, runs, path }: { readonly seed: number; readonly runs: number; readonly path?: string | undefined },
): Promise<Outcome> {
  const startedMs = performance.now();
  const { property, reached, leastShare } = create();
  const details = await fc.check(property, { seed, numRuns: runs, ...(path === undefined ? {} : { path, endOnFailure: true }) });
  const seconds = Number(((performance.now() - startedMs) / 1_000).toFixed(1));
  const outcome = { simulation: name, seed, histories: details.numRuns, seconds, reached: reached.counts };
  if (details.failed) return { ...outcome, verdict: 'fail', failure: told(name, details) };
  // One history that is played again reaches what it reaches.
  const rare = path === undefined ? reached.rarer(Math.ceil(runs * leastShare)) : [];
  if (rare.length === 0) return { ...outcome, verdict: 'pass', failure: undefined };
  return { ...outcome, verdict: 'fail', failure: `too few histories came to where something is judged: ${rare.join(', ')}` };
}

function told(name: string, details: fc.RunDetails<unknown>): string {
  const { seed, counterexamplePath, counterexample, errorInstance } = details;
  const error = errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance);
  return [
    error,
    `history: ${fc.stringify(counterexample)}`,
    `again: npm run test:simulation -- --only ${name} --seed ${seed} --path ${counterexamplePath}`,
  ].join('\n');
}

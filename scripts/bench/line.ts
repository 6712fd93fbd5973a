/** One measured figure against its goal, as TARGETS fixes it. */
export interface BenchLine {
  readonly bench: string;
  readonly target: string;
  readonly case: string;
  readonly unit: string;
  readonly ours: number;
  /** The peer's figure, or the limit's; null where the goal is absolute. */
  readonly peer: number | null;
  /** ours / peer; ours where the goal is absolute. */
  readonly ratio: number;
  readonly goal: string;
  readonly met: boolean;
}

export interface Goal {
  readonly target: string;
  readonly kind: 'at_least' | 'at_most';
  readonly ratio: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) throw new Error('a median of nothing');
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const rounded = (value: number): number => Number(value.toPrecision(4));

/** Medians of the runs on both sides, compared with the goal. */
export function line(
  bench: string,
  what: { readonly case: string; readonly unit: string },
  ours: readonly number[],
  peer: readonly number[] | undefined,
  { target, kind, ratio: goal }: Goal,
): BenchLine {
  const mine = median(ours);
  const theirs = peer === undefined ? null : median(peer);
  const ratio = theirs === null ? mine : mine / theirs;
  return {
    bench,
    target,
    ...what,
    ours: rounded(mine),
    peer: theirs === null ? null : rounded(theirs),
    ratio: rounded(ratio),
    goal: `${kind === 'at_least' ? '>=' : '<='} ${rounded(goal)}`,
    met: kind === 'at_least' ? ratio >= goal : ratio <= goal,
  };
}

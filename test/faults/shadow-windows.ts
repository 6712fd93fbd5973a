/** A region's service that costs this machine little: what the shadow itself takes from apply is to be seen, not what a flood of answers takes. */
const calmMoods = ['fine', 'slow', 'failing', 'hanging'] as const;
const PAIRS = 16;
/** "Unchanged" is within this. */
const MOST_RATIO = 1.05;

export interface Windows {
  /** One window of records beside users; `bare`: the same users without a shadow. Answers the ids it wrote, to the second excluded. */
  readonly write: (bare: boolean, mood: (typeof calmMoods)[number]) => Promise<readonly [from: number, to: number]>;
  readonly latenciesMs: (ids: readonly [from: number, to: number]) => Promise<readonly number[]>;
  readonly say: (text: string) => void;
}

/**
 * Apply's latency beside users with shadow and beside the same users without, in pairs of windows whose order alternates: what the machine does
 * to one it does to the other. All windows of a kind make one distribution.
 */
export async function compareWindows({ write, latenciesMs, say }: Windows): Promise<{ readonly unchanged: boolean }> {
  const bare: number[] = [];
  const shadowed: number[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const mood = calmMoods[Math.floor(pair / 2) % calmMoods.length]!;
    for (const isBare of pair % 2 === 0 ? [true, false] : [false, true]) {
      const found = await latenciesMs(await write(isBare, mood));
      (isBare ? bare : shadowed).push(...found);
    }
    say(`pair ${pair + 1} of ${PAIRS}, ${mood}: p99 ${text(bare, 0.99)} ms without and ${text(shadowed, 0.99)} ms with shadow`);
  }
  const ratio = percentile(shadowed, 0.99) / percentile(bare, 0.99);
  say(
    `apply's p50 ${text(bare, 0.5)} and ${text(shadowed, 0.5)} ms, p99 ${text(bare, 0.99)} and ${text(shadowed, 0.99)} ms without and with shadow: ${ratio.toFixed(3)}`,
  );
  return { unchanged: ratio <= MOST_RATIO };
}

const text = (values: readonly number[], share: number): string => percentile(values, share).toFixed(1);

export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

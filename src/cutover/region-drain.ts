import type { AppliedHere, Offsets } from './step-contracts.ts';

export type RegionDrain =
  | { readonly kind: 'passed' }
  /** `left`: offsets that apply has not passed, of all partitions. */
  | { readonly kind: 'behind'; readonly left: bigint; readonly places: readonly string[] }
  /** Waiting does not help: an operator has to say what becomes of them. */
  | { readonly kind: 'stands'; readonly places: readonly string[] };

/**
 * Whether apply has passed the offsets at which the region's home epoch starts. A partition that stands must not be left to be resumed later: what is
 * below that offset would then stop it (`home_older`), and never be applied.
 */
export function regionDrain(regional: Offsets, { topics, partitions }: AppliedHere): RegionDrain {
  const known = new Map(partitions.map((one) => [`${one.topic}:${one.partition}`, one]));
  const standing: string[] = [];
  const behind: string[] = [];
  let left = 0n;
  for (const [topic, ends] of Object.entries(regional)) {
    if (!topics.has(topic)) continue;
    for (const [partition, text] of Object.entries(ends)) {
      const place = `${topic}:${partition}`;
      const one = known.get(place);
      const end = BigInt(text);
      if (one?.stands !== undefined) {
        const { state, message } = one.stands;
        const what = state === 'paused' ? `paused by ${message}` : `stopped: ${message}`;
        const command = `farshore partition resume ${place} --stage apply`;
        standing.push(`apply of ${place} is ${what}: resume it or skip what it stands at with ${command}, and start again`);
        continue;
      }
      const next = one?.next ?? 0n;
      if (next >= end) continue;
      left += end - next;
      behind.push(`apply of ${place} is at ${one?.next ?? 'no position'}, and the region starts at ${end}`);
    }
  }
  if (standing.length > 0) return { kind: 'stands', places: standing };
  return behind.length === 0 ? { kind: 'passed' } : { kind: 'behind', left, places: behind };
}

import type { Comparison } from './difference.ts';
import type { RouteNoise } from './noise.ts';
import type { Judgement } from './verdict.ts';

/** What a comparison means once it is known where the primary differs from itself. */
export function judged(comparison: Comparison, noise: Pick<RouteNoise, 'standing'>): Judgement {
  if (comparison.kind === 'not_compared') return comparison;
  const { differences, more } = comparison;
  if (differences.length === 0) return { kind: 'same' };
  const standings = differences.map(({ path }) => noise.standing(path));
  // What was not kept of a long list could be anywhere.
  if (!more && standings.every((standing) => standing === 'noise')) return { kind: 'noise', differences };
  return { kind: 'differs', differences, sure: standings.includes('real') };
}

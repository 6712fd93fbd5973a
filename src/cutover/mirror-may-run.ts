import type { Cutover } from './state.ts';
import { stepsOf } from './stepping.ts';

/**
 * Whether the mirror from the primary may run, or why not. Decided from the stored row alone, so that a daemon that starts anew between
 * two steps does not start a mirror that was fenced (C25), and one whose primary was given up never does (C26).
 */
export function mirrorMayRun(cutover: Cutover | undefined): true | string {
  if (cutover === undefined) return true;
  const { home, move, region } = cutover;
  if (home === 'region') return `the home is ${region}: nothing is mirrored into it`;
  if (move === null) return true;
  // By its epoch the primary may be home already, and the mirror's positions are not set: it would carry here what came from here. A move
  // back that is given up leaves the primary again.
  if (move.to === 'primary') return 'the home is moving back to the primary';
  if (move.direction === 'back') return true;
  const steps = stepsOf(move);
  const at = steps.indexOf(move.step);
  const fence = steps.indexOf('fence_mirror');
  return at < fence || (at === fence && !move.started) ? true : 'it is fenced for a cutover';
}

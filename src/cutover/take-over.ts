import type { Cutover, Move, StepResults } from './state.ts';

/**
 * Whether a move can end at the primary only: it goes back there, or opens it. Where the primary is gone such a move has no end, and nobody is
 * open. An operator who gives the primary up may take it over (C26).
 */
export const endsAtPrimary = (
  { open }: Pick<Cutover, 'open'>,
  { direction, from, to }: Pick<Move, 'direction' | 'from' | 'to'>,
): boolean => (direction === 'back' ? from === 'primary' : to === 'primary' && open === 'primary');

/**
 * Where the move to the region begins that takes such a move over. The home is the primary there, by the epoch the primary may have been
 * told, so that `raise_epoch` brings a higher one: the step that would have brought the home back is taken as done.
 *
 *     planned:      raise_epoch (region, 2) ── it fails ── raise_epoch_back (primary, 3) ── publish_home_back ── †
 *     taken over:                                                                fence_mirror ── … ── raise_epoch (region, 4) ── open
 */
export function takenOver(cutover: Cutover, move: Move): { readonly row: Cutover; readonly results: StepResults } {
  const raised = move.direction === 'back' && move.results.raise_epoch !== undefined;
  const row: Cutover = cutover.home === 'region' ? { ...cutover, home: 'primary', epoch: cutover.epoch + 1n } : cutover;
  // Of a revert that opens the primary the rights are those that the switch had taken.
  const rights = move.to === 'primary' ? cutover.kept?.results.read_rights : move.results.read_rights;
  const known = {
    read_rights: rights,
    from_offsets: move.results.from_offsets,
    raise_epoch_back: raised ? { home: 'primary' } : move.results.raise_epoch_back,
  };
  return { row, results: Object.fromEntries(Object.entries(known).filter(([, result]) => result !== undefined)) };
}

import type { Home } from '../model/cutover.ts';
import type { Cutover, Move } from './state.ts';
import type { EpochBegin, Offsets } from './step-contracts.ts';

/** What the step `from_offsets` records: where the logs of both ended. The ids are absent from a move that an older version began. */
export interface FromOffsets {
  readonly regional: Offsets;
  /** Null: the primary was lost. */
  readonly home: Offsets | null;
  readonly regionalIds?: EpochBegin['topicIds'];
  readonly homeIds?: EpochBegin['topicIds'];
}

/**
 * Where a move publishes the home, in this order. The side that is left is told first: its writers and mirrors stop before others begin (C24).
 *
 * A revert that falls back tells the region alone. The primary was not opened and stays frozen, so that nobody there has to stop first; and it
 * may be what the revert failed of. It is told once the region is open:
 *
 *     the primary is away:   raise_epoch_back ── region told ── region open ── (primary told as soon as it answers)
 */
export function toldBy(
  { direction, from, lost, results }: Pick<Move, 'direction' | 'from' | 'lost' | 'results'>,
  home: Home,
): readonly Home[] {
  if (direction === 'back' && from === 'region') return ['region'];
  // One that was lost from the start was told nothing, and is told nothing. A move that was taken over may have told it where the home is.
  if (lost !== null && (home === 'region' || results.read_rights === undefined)) return ['region'];
  return home === 'region' ? ['primary', 'region'] : ['region', 'primary'];
}

/** What the primary’s cluster is still to be told of a revert that fell back: where the region’s epoch begins in its logs. */
export function leftUntold({ direction, from, results }: Pick<Move, 'direction' | 'from' | 'results'>): EpochBegin | undefined {
  if (direction !== 'back' || from !== 'region' || results.publish_home_back === undefined) return undefined;
  const ends = results.from_offsets as FromOffsets | undefined;
  return ends === undefined ? undefined : { offsets: ends.regional, topicIds: ends.regionalIds ?? {} };
}

/** What is to be told to the primary’s cluster now. A move tells it a higher epoch, and the older one is not sent behind that: compaction would keep the last. */
export const toTell = ({ move, kept }: Pick<Cutover, 'move' | 'kept'>): EpochBegin | undefined =>
  move !== null || kept?.untold === undefined ? undefined : { offsets: kept.untold, topicIds: kept.untoldIds ?? {} };

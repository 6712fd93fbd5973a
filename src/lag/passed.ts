import type { HomeOffset, RegionalOffset } from '../model/offsets.ts';

/**
 * Whether the region holds everything the home's log held up to an end E (CORRECTNESS C5). Home and regional
 * offsets cannot be compared, so it takes three looks, in this order:
 *
 *   1. the mirror's committed position is at E or beyond it;
 *   2. then, and only then, the high watermark H of the regional partition is read: the copies are below it;
 *   3. apply's position in the database is at H or beyond it.
 *
 * An H that was asked for before step 1 held could be an end without the copies, and apply could be at that end
 * with nothing of E applied. The steps are states here, so that an H given too early is not taken.
 *
 * Not the last stable offset: a coordinator answers a commit before it writes the markers into the partitions, and until
 * then the last stable offset lies before the copies. Read right behind the answer it did so in 7 to 9 of 10 partitions;
 * apply was at that end, and the audit confirmed a difference that was none.
 */
export type Passing =
  | { readonly step: 'mirroring'; readonly until: HomeOffset }
  | { readonly step: 'mirrored' }
  | { readonly step: 'applying'; readonly until: RegionalOffset }
  | { readonly step: 'passed' };

/** Starts with an end that was read at home. */
export const passingEnd = (end: HomeOffset): Passing => ({ step: 'mirroring', until: end });

/** Takes the mirror's committed position. Once this answers `mirrored`, ask for the regional high watermark. */
export const withMirrored = (passing: Passing, committed: HomeOffset): Passing =>
  passing.step === 'mirroring' && committed >= passing.until ? { step: 'mirrored' } : passing;

/** Takes a regional high watermark that was asked for after `withMirrored` answered `mirrored`. */
export const withRegionalEnd = (passing: Passing, highWatermark: RegionalOffset): Passing =>
  passing.step === 'mirrored' ? { step: 'applying', until: highWatermark } : passing;

/** Takes apply's position as the database holds it. */
export const withApplied = (passing: Passing, next: RegionalOffset): Passing =>
  passing.step === 'applying' && next >= passing.until ? { step: 'passed' } : passing;

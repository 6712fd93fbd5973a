import type { HomeOffset, RegionalOffset } from '../model/offsets.ts';

/**
 * Whether the region holds everything the home's log held up to an end E (CORRECTNESS C5). Home and regional
 * offsets cannot be compared, so it takes three looks, in this order:
 *
 *   1. the mirror's committed position is at E or beyond it;
 *   2. then, and only then, the last stable offset L of the regional partition is read: the copies are below it;
 *   3. apply's position in the database is at L or beyond it.
 *
 * An L that was asked for before step 1 held could be an end without the copies, and apply could be at that end
 * with nothing of E applied. The steps are states here, so that an L given too early is not taken.
 */
export type Passing =
  | { readonly step: 'mirroring'; readonly until: HomeOffset }
  | { readonly step: 'mirrored' }
  | { readonly step: 'applying'; readonly until: RegionalOffset }
  | { readonly step: 'passed' };

/** Starts with an end that was read at home. */
export const passingEnd = (end: HomeOffset): Passing => ({ step: 'mirroring', until: end });

/** Takes the mirror's committed position. Once this answers `mirrored`, ask for the regional last stable offset. */
export const withMirrored = (passing: Passing, committed: HomeOffset): Passing =>
  passing.step === 'mirroring' && committed >= passing.until ? { step: 'mirrored' } : passing;

/** Takes a regional last stable offset that was asked for after `withMirrored` answered `mirrored`. */
export const withRegionalEnd = (passing: Passing, lastStable: RegionalOffset): Passing =>
  passing.step === 'mirrored' ? { step: 'applying', until: lastStable } : passing;

/** Takes apply's position as the database holds it. */
export const withApplied = (passing: Passing, next: RegionalOffset): Passing =>
  passing.step === 'applying' && next >= passing.until ? { step: 'passed' } : passing;

import type { AskFailure, ShadowSide, ShedReason } from './contracts.ts';
import type { Difference, NotCompared } from './difference.ts';

/** Why a difference that was seen could neither be confirmed nor taken back. It counts against the route, never as a match. */
export type UnsettledReason =
  /** The primary's two answers around the region's differ: it was written to, or differs from itself. */
  | 'primary_changes'
  /** The region had not passed the primary's ends. */
  | 'not_passed'
  /** Seen between two equal answers of the primary, but not often enough. */
  | 'unconfirmed'
  /** The primary was seen to disagree with itself there, but not often enough to call it noise. */
  | 'noise_unknown'
  | 'error'
  | 'shed'
  /** Too many differences wait to be asked again. */
  | 'too_many_waiting';

export type Verdict =
  | { readonly result: 'match' }
  /** Confirmed: the region is wrong. */
  | { readonly result: 'mismatch'; readonly differences: readonly Difference[] }
  /** Differs only where the primary differs from itself. */
  | { readonly result: 'noise'; readonly differences: readonly Difference[] }
  /** Differed, and was right once the region had passed the primary's ends. `differences`: what remained, all of it noise. */
  | { readonly result: 'lag'; readonly differences: readonly Difference[] }
  | { readonly result: 'unsettled'; readonly reason: UnsettledReason; readonly differences: readonly Difference[] }
  | { readonly result: 'error'; readonly side: ShadowSide; readonly reason: AskFailure }
  | { readonly result: 'shed'; readonly reason: ShedReason }
  | { readonly result: 'skipped'; readonly reason: NotCompared };

/** What two answers are to each other once noise is taken away. */
export type Judgement =
  | { readonly kind: 'same' }
  | { readonly kind: 'noise'; readonly differences: readonly Difference[] }
  | {
      readonly kind: 'differs';
      readonly differences: readonly Difference[];
      /** Somewhere the primary was never seen to disagree with itself, or clearly less often than the region with it. */
      readonly sure: boolean;
    }
  | { readonly kind: 'not_compared'; readonly reason: NotCompared };

import type { ErrorCode } from './errors.ts';
import type { ShadowResult } from './shadow-view.ts';

export type ShadowEvent =
  | {
      readonly type: 'shadow_compared';
      readonly route: string;
      readonly result: ShadowResult;
      readonly reason: string | undefined;
      /** Of the first question to each side; undefined where it did not answer. */
      readonly primaryMs: number | undefined;
      readonly regionMs: number | undefined;
    }
  /** The first confirmed difference at a place. */
  | { readonly type: 'shadow_mismatch_found'; readonly route: string; readonly path: string; readonly kind: string }
  /** One comparison, not the shadow: what it was of is left out, it may be data of users. */
  | { readonly type: 'shadow_comparison_failed'; readonly route: string; readonly error: unknown }
  | { readonly type: 'shadow_topic_failed'; readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined }
  | { readonly type: 'shadow_store_failed'; readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined };

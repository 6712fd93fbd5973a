import type { JsonValue } from './json-value.ts';

export const differenceKinds = ['missing', 'extra', 'type', 'value', 'order', 'status', 'header', 'text', 'bytes'] as const;
export type DifferenceKind = (typeof differenceKinds)[number];

/** Seen from the primary: `missing` is what the region lacks, `extra` what only the region has. */
export interface Difference {
  /** Without indexes and ids, so that answers can be counted by it. */
  readonly path: string;
  /** The exact place in this answer. */
  readonly place: string;
  readonly kind: DifferenceKind;
  /** Undefined where that side has nothing. */
  readonly primary: JsonValue | undefined;
  readonly region: JsonValue | undefined;
}

/** Why two answers were not compared; they are never called equal. */
export type NotCompared = 'truncated' | 'too_large' | 'too_deep' | 'too_costly' | 'too_slow' | 'failed';

export type Comparison =
  | {
      readonly kind: 'compared';
      readonly differences: readonly Difference[];
      /** There are more differences than were kept. */
      readonly more: boolean;
    }
  | { readonly kind: 'not_compared'; readonly reason: NotCompared };

export interface CompareLimits {
  /** Of each body. */
  readonly bytes: number;
  readonly depth: number;
  readonly values: number;
  readonly differences: number;
  /** What one comparison may cost, in visited values. */
  readonly steps: number;
  /** And in time, for patterns that take longer on some texts. */
  readonly ms: number;
}

/** Steps are some 100 ms of a core at most. */
export const compareLimits: CompareLimits = { bytes: 4_194_304, depth: 64, values: 100_000, differences: 100, steps: 400_000, ms: 100 };

import type { RawBatch } from './batch.ts';

/** What to read: one partition from one offset on. Offsets are plain here; stages wrap them in their own type. */
export interface FetchTarget {
  readonly topic: string;
  /** UUID text; Fetch goes by id, so a re-created topic answers with an error instead of other records. */
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Leader epoch of the last batch before `offset`, -1 when there is none (C6). */
  readonly lastFetchedEpoch: number;
  readonly maxBytes: number;
}

/** What one partition answered. Batches are committed data only: the abort filter has run. */
export type FetchedPartition =
  | {
      readonly kind: 'batches';
      readonly topic: string;
      readonly partition: number;
      readonly batches: readonly RawBatch[];
      /** Offset to read next: past every batch seen, also dropped ones (aborted, control, empty). */
      readonly nextOffset: bigint;
      /** True when the answer held no bytes at all for this partition: see C8 for what that proves. */
      readonly empty: boolean;
      readonly highWatermark: bigint;
      readonly lastStableOffset: bigint;
      readonly logStartOffset: bigint;
      /** Leader epoch and CRC of the last batch seen, also when it was dropped; undefined when empty. */
      readonly lastBatch: { readonly leaderEpoch: number; readonly crc: number } | undefined;
      readonly droppedAborted: number;
      readonly droppedControl: number;
      /** Gives the memory of `batches` back to be read into again: once, when nobody will look at them any more. Not calling it is safe. */
      readonly release?: () => void;
    }
  | { readonly kind: 'diverging'; readonly topic: string; readonly partition: number; readonly epoch: number; readonly endOffset: bigint }
  | {
      readonly kind: 'out_of_range';
      readonly topic: string;
      readonly partition: number;
      readonly logStartOffset: bigint;
      readonly logEndOffset: bigint;
    }
  | { readonly kind: 'unknown_topic'; readonly topic: string; readonly partition: number }
  | { readonly kind: 'retry'; readonly topic: string; readonly partition: number; readonly reason: string }
  | { readonly kind: 'denied'; readonly topic: string; readonly partition: number }
  | { readonly kind: 'corrupt'; readonly topic: string; readonly partition: number; readonly offset: bigint; readonly reason: string };

import type { ErrorCode } from './errors.ts';

/**
 * What stages report. One place (metrics/events.ts) turns these into instruments and one
 * (daemon/log.ts) into log lines; a stage itself neither logs nor counts.
 */
export type Stage = 'mirror' | 'apply';

export type ReencodeReason = 'offset_gap' | 'log_append_time' | 'delete_horizon' | 'too_large' | 'old_magic' | 'refused' | 'below_position';

export type FarshoreEvent =
  | { readonly type: 'mirror_cycle'; readonly topics: readonly MirroredTopic[]; readonly seconds: number }
  | { readonly type: 'mirror_rebuilt'; readonly code: ErrorCode; readonly reason: string }
  | { readonly type: 'batch_reencoded'; readonly topic: string; readonly partition: number; readonly reason: ReencodeReason }
  | { readonly type: 'topic_found' | 'topic_created' | 'topic_grown'; readonly topic: string; readonly partitions: number }
  | { readonly type: 'topic_missing'; readonly topic: string; readonly hint: string }
  | { readonly type: 'topic_configs_synced'; readonly topic: string; readonly set: readonly string[]; readonly removed: readonly string[] }
  | { readonly type: 'generation_raised'; readonly topic: string; readonly generation: number; readonly reason: string }
  | { readonly type: 'home_claimed'; readonly topic: string; readonly home: string; readonly epoch: number }
  | {
      readonly type: 'batch_applied';
      readonly topic: string;
      readonly partition: number;
      readonly table: string;
      readonly records: number;
      readonly upserts: number;
      readonly deletes: number;
      readonly folded: number;
      readonly stale: number;
      readonly duplicates: number;
      readonly ties: number;
      readonly bytes: number;
      readonly seconds: number;
      /** Record timestamp of the newest record, for the apply latency; undefined for an empty batch. */
      readonly newestTimestampMs: number | undefined;
    }
  | {
      readonly type: 'apply_retried';
      readonly topic: string;
      readonly partition: number;
      readonly code: ErrorCode;
      readonly sqlState: string | undefined;
      readonly delayMs: number;
    }
  | {
      readonly type: 'partition_stopped';
      readonly stage: Stage;
      readonly topic: string;
      readonly partition: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
      readonly lostFrom: bigint | undefined;
      readonly lostTo: bigint | undefined;
    }
  | {
      readonly type: 'partition_resumed' | 'partition_paused';
      readonly stage: Stage;
      readonly topic: string;
      readonly partition: number;
      readonly by: string;
    }
  | { readonly type: 'heartbeat_written'; readonly seconds: number }
  | { readonly type: 'heartbeat_failed'; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'heartbeat_returned'; readonly latencySeconds: number }
  | { readonly type: 'schema_fetched'; readonly result: 'found' | 'missing' | 'failed' | 'kept' }
  | { readonly type: 'lease'; readonly state: 'acquired' | 'lost' | 'waiting' | 'released'; readonly epoch: bigint | undefined }
  | { readonly type: 'component'; readonly component: Component; readonly up: boolean; readonly reason: string | undefined };

export const components = ['primary_kafka', 'regional_kafka', 'regional_database', 'registry'] as const;
export type Component = (typeof components)[number];

export interface MirroredTopic {
  readonly topic: string;
  readonly partition: number;
  readonly records: number;
  readonly bytes: number;
  readonly batches: number;
  readonly droppedAborted: number;
}

export type Observe = (event: FarshoreEvent) => void;

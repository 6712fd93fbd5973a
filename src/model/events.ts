import type { AuditEvent } from './audit-events.ts';
import type { CutoverEvent } from './cutover-events.ts';
import type { ErrorCode } from './errors.ts';
import type { ShadowEvent } from './shadow-events.ts';

/**
 * What stages report. One place (metrics/events.ts) turns these into instruments and one
 * (daemon/log.ts) into log lines; a stage itself neither logs nor counts.
 */
export type Stage = 'mirror' | 'apply';

export type ReencodeReason = 'offset_gap' | 'log_append_time' | 'delete_horizon' | 'too_large' | 'old_magic' | 'refused' | 'below_position';

export type FarshoreEvent =
  | { readonly type: 'mirror_cycle'; readonly topics: readonly MirroredTopic[]; readonly seconds: number }
  | { readonly type: 'mirror_rebuilt'; readonly code: ErrorCode; readonly reason: string }
  /** The region's group answers older positions than were committed, or none; the first of them. */
  | {
      readonly type: 'position_old';
      readonly topic: string;
      readonly partition: number;
      readonly partitions: number;
      readonly reason: string;
    }
  | { readonly type: 'batch_reencoded'; readonly topic: string; readonly partition: number; readonly reason: ReencodeReason }
  | { readonly type: 'topic_found' | 'topic_created' | 'topic_grown'; readonly topic: string; readonly partitions: number }
  | { readonly type: 'topic_missing'; readonly topic: string; readonly hint: string }
  /** Who makes topics ready for shards that others work on cannot do so for this one; none of it is mirrored meanwhile. */
  | {
      readonly type: 'topic_not_ready';
      readonly topic: string;
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
    }
  | { readonly type: 'topic_configs_synced'; readonly topic: string; readonly set: readonly string[]; readonly removed: readonly string[] }
  | {
      readonly type: 'topic_config_refused';
      readonly topic: string;
      readonly config: string;
      /** Undefined: it could not be removed. */
      readonly value: string | undefined;
      readonly reason: string;
    }
  | {
      readonly type: 'full_audit_needed';
      readonly stage: Stage;
      readonly topic: string;
      readonly partition: number;
      readonly table: string | undefined;
      readonly unreadMs: number;
      readonly retentionMs: number;
    }
  /** What cannot be read or recorded for a reason that no repetition mends is not known until it can, and the gates that need it are shut. Told once for each reason. */
  | {
      readonly type: 'figure_unknown';
      readonly what: 'kept_records' | 'lost_deletes';
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
    }
  | { readonly type: 'shards_changed'; readonly primary: string; readonly from: number | undefined; readonly to: number }
  | {
      readonly type: 'shard';
      readonly state: 'acquired' | 'released' | 'lost';
      readonly shard: number;
      readonly epoch: bigint;
      readonly reason: string | undefined;
    }
  | { readonly type: 'shard_group_failed'; readonly code: ErrorCode; readonly reason: string }
  | { readonly type: 'region_look_failed'; readonly code: ErrorCode; readonly reason: string }
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
      /** Records that set a field the entry does not allow, by field. */
      readonly notAllowed: ReadonlyMap<string, number>;
      readonly bytes: number;
      readonly seconds: number;
      /** Record timestamp of the newest record, for the apply latency; undefined for an empty batch. */
      readonly newestTimestampMs: number | undefined;
    }
  | { readonly type: 'rejected_published'; readonly table: string }
  | {
      readonly type: 'rejected_publish_failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
    }
  | {
      /** They wait for another row, kept in farshore.rejected_records. */
      readonly type: 'records_parked';
      readonly topic: string;
      readonly partition: number;
      readonly table: string;
      readonly waitsFor: string;
      readonly records: number;
    }
  | {
      readonly type: 'parked_ended';
      readonly topic: string;
      readonly partition: number;
      readonly table: string;
      readonly offset: bigint;
      /** `rejected`: it waited too long, or the region was written to as the home since. */
      readonly result: 'applied' | 'superseded' | 'rejected';
    }
  | {
      /** No entry of the topic takes them: another record name, event type or operation. */
      readonly type: 'records_unrouted';
      readonly topic: string;
      readonly partition: number;
      readonly records: number;
    }
  | {
      readonly type: 'records_rejected';
      readonly topic: string;
      readonly partition: number;
      readonly table: string;
      readonly code: ErrorCode;
      readonly records: number;
      readonly firstOffset: bigint;
      /** Of the first of them. */
      readonly message: string;
    }
  | { readonly type: 'rejected_retried'; readonly table: string; readonly result: 'applied' | 'superseded' | 'rejected' }
  | { readonly type: 'outbox_published'; readonly topic: string; readonly rows: number }
  | { readonly type: 'outbox_refused'; readonly topic: string; readonly id: bigint; readonly code: string; readonly message: string }
  | { readonly type: 'outbox_failed'; readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined }
  | { readonly type: 'rejected_expired'; readonly records: number; readonly days: number }
  | { readonly type: 'outbox_discarded'; readonly by: string; readonly rows: number }
  | { readonly type: 'rejected_discarded'; readonly by: string; readonly records: number }
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
  | {
      /** A mode under which a writer may do more than its table is ready for. */
      readonly type: 'registry_compatibility';
      readonly topic: string;
      readonly subject: string;
      readonly mode: string;
      readonly meaning: string;
    }
  | { readonly type: 'schema_fetched'; readonly result: 'found' | 'missing' | 'failed' | 'kept' }
  | { readonly type: 'lease'; readonly state: 'acquired' | 'lost' | 'waiting' | 'released'; readonly epoch: bigint | undefined }
  | {
      readonly type: 'login_not_renewed';
      readonly component: Component;
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
    }
  | {
      readonly type: 'job_failed';
      readonly job: JobName;
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
    }
  | {
      readonly type: 'tombstones_pruned';
      readonly table: string;
      readonly tombstones: number;
      readonly keptMs: number;
    }
  | { readonly type: 'tombstones_kept'; readonly table: string; readonly reason: string }
  | AuditEvent
  | CutoverEvent
  | ShadowEvent
  | { readonly type: 'component'; readonly component: Component; readonly up: boolean; readonly reason: string | undefined };

/** What runs at set times. */
export const jobs = ['expire_rejected', 'prune_tombstones', 'prune_shadow', 'prune_outbox', 'audit', 'expire_audit'] as const;
export type JobName = (typeof jobs)[number];

export const components = ['primary_kafka', 'regional_kafka', 'regional_database', 'registry', 'regional_registry'] as const;
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

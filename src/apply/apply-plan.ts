import type { VisitRecords } from '../model/batch.ts';
import type { FarshoreError } from '../model/errors.ts';
import type { ValueWriters } from './column-values.ts';
import type { RecordDecoder, RecordDecoders, SchemaRef } from './contracts.ts';
import type { Folded } from './folded.ts';
import type { LogPiece } from './log-queue.ts';
import type { TableKey, TableMapping } from './mapping.ts';
import type { Refusal, Reject } from './rejects.ts';

/** What one transaction applies: the records from `from` to before `next`. */
export interface ApplyPlan {
  readonly from: bigint;
  readonly next: bigint;
  readonly proof: LogPiece['proof'];
  readonly folds: readonly Folded[];
  /** Records that are kept instead of applied. */
  readonly rejects: readonly Reject[];
  /** Records that no entry of the topic takes. */
  readonly unrouted: number;
  /** Records in it, whatever became of them. */
  readonly records: number;
  /** Offset of its first and last record. */
  readonly first: bigint | undefined;
  readonly last: bigint | undefined;
  readonly bytes: number;
  readonly newestTimestampMs: number | undefined;
  readonly heartbeats: readonly { readonly key: Buffer | null; readonly value: Buffer | null }[];
  /** Why nothing from `next` on can be applied: the partition stops once this plan is committed. */
  readonly failure: { readonly error: FarshoreError; readonly offset: bigint } | undefined;
}

export type PlanResult =
  | { readonly kind: 'plan'; readonly plan: ApplyPlan }
  /** Needed by the record at `offset`: load it and plan again; nothing was kept. */
  | { readonly kind: 'schema'; readonly offset: bigint; readonly ref: SchemaRef }
  | { readonly kind: 'mapping'; readonly offset: bigint; readonly decoder: RecordDecoder; readonly route: number }
  | { readonly kind: 'key'; readonly offset: bigint; readonly route: number }
  /** A record of several rows failed after some of them were folded: plan again with it among the refused. */
  | { readonly kind: 'refused'; readonly offset: bigint; readonly error: FarshoreError };

export interface PlanLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** Records from this offset on are left out (a half of a bisected range). */
  readonly upTo: bigint | undefined;
  /** Records that are kept, by offset: those that the database refused, or an earlier plan. */
  readonly refused?: ReadonlyMap<bigint, Refusal> | undefined;
}

/** One table of a topic. */
export interface Route {
  readonly table: string;
  /** Undefined when it must be loaded first, null when the schema's records are not for this table. */
  readonly mappingOf: (decoder: RecordDecoder) => TableMapping | null | undefined;
  /** Undefined when it must be loaded first, null when the table does not exist and may not yet. */
  readonly keyOf: () => TableKey | null | undefined;
  /** Other topics write the table too: the order of one log says nothing about the others'. */
  readonly shared: boolean;
}

/** What a topic's records become: rows of tables, heartbeats, or nothing. */
export type Sink =
  | {
      readonly kind: 'table';
      readonly routes: readonly Route[];
      /** Records say themselves which of several tables they are of. One without a value cannot. */
      readonly divided: boolean;
    }
  | { readonly kind: 'heartbeat' };

export interface PlanContext {
  readonly place: string;
  readonly sink: Sink;
  readonly decoders: RecordDecoders;
  /** Why a schema cannot be had, when the registry said so a moment ago: not asked again for each record. */
  readonly unknownSchema: (ref: SchemaRef) => FarshoreError | undefined;
  readonly visitRecords: VisitRecords;
  readonly writers: ValueWriters;
}

import type { ApplyStage } from '../apply/apply-stage.ts';
import type { RecordDecoders } from '../apply/contracts.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { rejectedWriter } from '../kafka/rejected-writer.ts';
import type { RejectedDetail, RetryCounts } from '../model/rejected.ts';
import { rejectedStore } from '../postgres/rejected-store.ts';
import { KeptCounts } from '../rejected/kept-counts.ts';
import { retryLateSchemas } from '../rejected/late-schemas-loop.ts';
import { publishRejected } from '../rejected/publish.ts';
import { isSchemaKnown, retryKept, valueSchemaOf } from './kept-records.ts';
import { creator } from './regional-admin.ts';
import type { StageParts } from './stage-parts.ts';

/** Who is recorded for retries that nobody asked for. */
const LATE_SCHEMAS = 'rejected.lateSchemas';
const PRIMARY_LOST = 'cutover.drain_region';

export interface RejectedSources {
  readonly reader: KafkaCluster;
  readonly decoders: RecordDecoders;
  readonly apply: ApplyStage;
  /** Why the primary's records are not those that count now; undefined: they do. */
  readonly resting: () => string | undefined;
}

export interface ActiveRejected {
  readonly store: ReturnType<typeof rejectedStore>;
  readonly counts: KeptCounts;
  publish(signal: AbortSignal): Promise<void>;
  retryLate(signal: AbortSignal): Promise<void>;
  retryParked(signal: AbortSignal): Promise<RetryCounts>;
}

/** What becomes of records that apply kept: they are counted, published, and tried again once their schema is there. */
export function buildRejected(
  { current, database, observer, clock }: Pick<StageParts, 'current' | 'database' | 'observer' | 'clock'>,
  { reader, decoders, apply, resting }: RejectedSources,
): ActiveRejected {
  const config = current();
  const { observe } = observer;
  const store = rejectedStore(database);
  const write = rejectedWriter(reader, creator(reader, config.mirror.replicationFactor));
  return {
    store,
    counts: new KeptCounts(store, clock, observe),
    async publish(signal) {
      if (config.rejected.publish) await publishRejected({ store, write, region: config.region, observe, clock }, signal);
    },
    async retryLate(signal) {
      if (!config.rejected.lateSchemas) return;
      const filter = { ids: undefined, table: undefined, reason: 'schema_unknown', since: undefined, parked: false } as const;
      const late = {
        waiting: store.ofUnknownSchemas,
        refOf: (record: RejectedDetail) => valueSchemaOf(decoders, record),
        isKnown: (ref: string, stop: AbortSignal) => isSchemaKnown(decoders, ref, stop),
        retry: (stop: AbortSignal) => retryKept({ apply, rejected: store, observe, isAutomatic: true }, filter, LATE_SCHEMAS, stop),
        resting,
        clock,
      };
      await retryLateSchemas(late, signal);
    },
    async retryParked(signal) {
      const filter = { ids: undefined, table: undefined, reason: undefined, since: undefined, parked: true } as const;
      return await retryKept({ apply, rejected: store, observe }, filter, PRIMARY_LOST, signal);
    },
  };
}

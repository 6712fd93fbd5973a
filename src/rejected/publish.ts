import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { RejectedDetail } from '../model/rejected.ts';

/** Where rejected records are kept, and which of them were published. */
export interface UnpublishedStore {
  /** Ids, in the order they were kept; parked ones are none of them. A page of whole records would have no bound but that of their topics. */
  unpublished(limit: number, signal: AbortSignal): Promise<readonly string[]>;
  get(id: string, signal: AbortSignal): Promise<RejectedDetail | undefined>;
  markPublished(ids: readonly string[], signal: AbortSignal): Promise<void>;
}

/** Writes a record to the topic of its topic's rejected records, acknowledged by all replicas. */
export type WriteRejected = (record: RejectedDetail, headers: readonly ErrorHeader[], signal: AbortSignal) => Promise<void>;

export interface ErrorHeader {
  readonly name: string;
  readonly value: string;
}

const LOOK_MS = 1_000;
const AFTER_FAILURE_MS = 10_000;
const PAGE = 100;

/** As Kafka Connect writes them, so that its tools read them. The stage says who refused the record: its bytes' reader, or the database. */
export function errorHeaders(record: RejectedDetail, region: string): readonly ErrorHeader[] {
  const { topic, partition, offset, reason, sqlState, message, table } = record;
  const byDatabase = reason === 'row_refused' || reason === 'row_unknown';
  const header = (name: string, value: string): ErrorHeader => ({ name: `__connect.errors.${name}`, value });
  return [
    header('topic', topic),
    header('partition', String(partition)),
    header('offset', offset),
    header('connector.name', `farshore.${region}`),
    header('task.id', '0'),
    header('stage', byDatabase ? 'TASK_PUT' : 'VALUE_CONVERTER'),
    header('class.name', table),
    header('exception.class.name', sqlState === null ? reason : `${reason} (${sqlState})`),
    header('exception.message', message),
  ];
}

/** Publishes what is kept, each at least once: after a crash between the two steps it is published again. */
export async function publishRejected(
  {
    store,
    write,
    region,
    observe,
    clock,
  }: {
    readonly store: UnpublishedStore;
    readonly write: WriteRejected;
    readonly region: string;
    readonly observe: Observe;
    readonly clock: Clock;
  },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    let waitMs = LOOK_MS;
    try {
      const page = await store.unpublished(PAGE, signal);
      for (const id of page) {
        const record = await store.get(id, signal);
        // Applied or discarded meanwhile.
        if (record === undefined) continue;
        await write(record, errorHeaders(record, region), signal);
        await store.markPublished([record.id], signal);
        observe({ type: 'rejected_published', table: record.table });
      }
      if (page.length === PAGE) waitMs = 0;
    } catch (error) {
      signal.throwIfAborted();
      const known = findFarshoreError(error);
      if (known === undefined || known.action === 'halt') throw error;
      observe({ type: 'rejected_publish_failed', code: known.code, message: known.message, hint: known.hint });
      waitMs = AFTER_FAILURE_MS;
    }
    await clock.sleep(waitMs, signal);
  }
}

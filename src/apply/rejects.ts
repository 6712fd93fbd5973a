import type { RecordView } from '../model/batch.ts';
import type { ErrorCode, FarshoreError } from '../model/errors.ts';
import { bytesText, type ValueWriters } from './column-values.ts';
import type { Statement } from './contracts.ts';
import { isOfAnotherRow } from './parking.ts';

/** A record that cannot be applied, whole, as it is kept in farshore.rejected_records. */
export interface Reject {
  /** The table that could not take it. */
  readonly table: string;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Still encoded, `headerCount` of them. */
  readonly headers: Buffer;
  readonly headerCount: number;
  readonly homeEpoch: number;
  readonly generation: number;
  readonly error: FarshoreError;
  /** Set for one that is parked: the table it waits for. */
  readonly waitsFor: string | undefined;
}

/** What is known of a record that must not be applied now. */
export interface Refusal {
  readonly error: FarshoreError;
  readonly waitsFor?: string | undefined;
}

/**
 * Whether an error is the fault of the one record it came with, so that the others go on without it. What the
 * database refuses counts only where its SQLSTATE says that the row itself is wrong: a lost right, a dropped column or a full disk
 * would refuse every row, and nothing of that may be taken for poison.
 */
export function isRejectable(error: FarshoreError): boolean {
  const { code, facts } = error;
  if (code === 'row_refused') return facts.rowAtFault === true && !isOfAnotherRow(error);
  return code === 'row_unknown' || code === 'record_malformed' || code === 'record_unmappable' || code === 'schema_unknown';
}

/** A copy: the view is over memory that is used again. */
export function rejectOf(
  record: RecordView,
  table: string,
  order: { readonly homeEpoch: number; readonly generation: number },
  { error, waitsFor }: Refusal,
): Reject {
  const { bytes, offset, timestampMs, keyStart, keyEnd, valueStart, valueEnd, headersStart, headersEnd, headerCount } = record;
  const copy = (start: number, end: number) => Buffer.from(bytes.subarray(start, end));
  return {
    table,
    offset,
    timestampMs,
    key: keyStart === -1 ? null : copy(keyStart, keyEnd),
    value: valueStart === -1 ? null : copy(valueStart, valueEnd),
    headers: copy(headersStart, headersEnd),
    headerCount,
    homeEpoch: order.homeEpoch,
    generation: order.generation,
    error,
    waitsFor,
  };
}

export interface RejectedCount {
  readonly table: string;
  readonly code: ErrorCode;
  readonly records: number;
  readonly firstOffset: bigint;
  /** Of the first of them. */
  readonly message: string;
}

/** The rejected ones, one entry a table and code, in log order: what is reported of a transaction. */
export function byReason(rejects: readonly Reject[]): readonly RejectedCount[] {
  const counts = new Map<string, RejectedCount>();
  for (const { table, error, offset, waitsFor } of rejects) {
    if (waitsFor !== undefined) continue;
    const { code, message } = error;
    const before = counts.get(`${table} ${code}`);
    const first = { table, code, records: 1, firstOffset: offset, message };
    counts.set(`${table} ${code}`, before === undefined ? first : { ...before, records: before.records + 1 });
  }
  return [...counts.values()];
}

/** The parked ones, one entry a table and the table it waits for. */
export function byParent(
  rejects: readonly Reject[],
): readonly { readonly table: string; readonly waitsFor: string; readonly records: number }[] {
  const parked = rejects.flatMap(({ table, waitsFor }) => (waitsFor === undefined ? [] : [{ table, waitsFor }]));
  const groups = Map.groupBy(parked, ({ table, waitsFor }) => `${table} ${waitsFor}`);
  return [...groups.values()].map((group) => ({ ...group[0]!, records: group.length }));
}

/** What the ledger says of an error. No text column takes a NUL. */
export const rejectReason = ({ code, message, facts }: FarshoreError) => ({
  reason: code,
  sqlState: typeof facts.sqlState === 'string' ? facts.sqlState : null,
  message: message.replaceAll('\u0000', '\\0'),
});

export interface RejectPlace {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
}

const columns = [
  ['table_name', 'text'],
  ['record_offset', 'bigint'],
  ['timestamp_ms', 'bigint'],
  ['key', 'bytea'],
  ['value', 'bytea'],
  ['headers', 'bytea'],
  ['header_count', 'integer'],
  ['home_epoch', 'integer'],
  ['generation', 'integer'],
  ['reason', 'text'],
  ['sql_state', 'text'],
  ['message', 'text'],
  ['waits_for', 'text'],
] as const;

// A log that is read again, after `--from`, brings the same records: they are met again, not kept twice. One that was cut and refilled (C6) brings
// others to their places, of which only the last is in the log.
const keepText = `insert into farshore.rejected_records as r (topic, partition, topic_id, ${columns.map(([name]) => name).join(', ')})
select $1::text, $2::integer, $3::uuid, i.*
  from unnest(${columns.map(([, type], index) => `$${index + 4}::${type}[]`).join(', ')}) as i
on conflict (topic, partition, topic_id, record_offset) do update
   set attempts = r.attempts + 1, last_seen = clock_timestamp(), table_name = excluded.table_name,
       reason = excluded.reason, sql_state = excluded.sql_state, message = excluded.message, waits_for = excluded.waits_for,
       timestamp_ms = excluded.timestamp_ms, key = excluded.key, value = excluded.value, headers = excluded.headers,
       header_count = excluded.header_count, home_epoch = excluded.home_epoch, generation = excluded.generation,
       published_at = case when (r.key, r.value) is not distinct from (excluded.key, excluded.value) then r.published_at end`;

/** Keeps records, in the transaction that moves the position over them. */
export function keepStatement(
  { topic, partition, topicId }: RejectPlace,
  rejects: readonly Reject[],
  writers: Pick<ValueWriters, 'arrayText'>,
): Statement {
  const arrays = columns.map(() => writers.arrayText());
  for (const { table, offset, timestampMs, key, value, headers, headerCount, homeEpoch, generation, error, waitsFor } of rejects) {
    const { reason, sqlState, message } = rejectReason(error);
    const bytes = (content: Buffer | null) => (content === null ? null : bytesText(content));
    const row = [table, offset, timestampMs, bytes(key), bytes(value), bytesText(headers), headerCount, homeEpoch, generation];
    for (const [index, element] of [...row, reason, sqlState, message, waitsFor ?? null].entries()) arrays[index]!.push(element);
  }
  return { name: 'farshore_keep_rejected', text: keepText, values: [topic, partition, topicId, ...arrays] };
}

import type { Statement } from '../apply/contracts.ts';
import type { OutboxFilter, OutboxListRequest, OutboxRowState, OutboxRowView, OutboxTopicView } from '../model/outbox.ts';
import type { Database } from './database.ts';
import { outboxLock } from './locks.ts';
import { WAKE_OUTBOX } from './outbox-wakeups.ts';
import { integer, optionalText, type TextRow, text } from './result-values.ts';

/** Rows of the outbox for those who look after it; the relay's own statements are in outbox-store.ts. */
export interface OutboxRows {
  /** Topics with unpublished rows. */
  topics(signal: AbortSignal): Promise<readonly OutboxTopicView[]>;
  list(request: OutboxListRequest, signal: AbortSignal): Promise<readonly OutboxRowView[]>;
  /** Refused rows are due at once; answers how many. */
  retry(filter: OutboxFilter, by: string, signal: AbortSignal): Promise<number>;
  /**
   * Deletes refused rows, and held ones that are named by their ids; answers how many. Never a row of a batch that is not settled: it may be
   * in Kafka. What Kafka does not get, the other side will lack.
   */
  discard(filter: OutboxFilter, by: string, signal: AbortSignal): Promise<number>;
}

const time = (column: string): string => `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const topicsText = `select o.topic, t.home, count(*) as unpublished, count(*) filter (where o.last_error is not null) as refused,
       extract(epoch from clock_timestamp() - min(o.created_at))::text as oldest
  from farshore.outbox o left join farshore.topics t on t.topic = o.topic
 where o.published_at is null group by o.topic, t.home order by o.topic`;

// The cases in the order in which the relay would find them.
const listText = `select * from (
  select o.id, o.topic, o.partition, o.attempts, o.last_error, ${time('o.created_at')} as created_at, ${time('o.next_attempt_at')} as next_attempt_at,
         coalesce(octet_length(o.key), 0) + coalesce(octet_length(o.value), 0) as bytes,
         case when t.home is distinct from $1 then 'held'
              when o.batch is not null then 'sending'
              when o.last_error is not null then 'refused'
              when exists (select from farshore.outbox h
                            where h.topic = o.topic and h.published_at is null and h.next_attempt_at > clock_timestamp()) then 'behind'
              else 'due' end as state
    from farshore.outbox o left join farshore.topics t on t.topic = o.topic
   where o.published_at is null and o.id > $2::bigint and ($3::text is null or o.topic = $3)) listed
 where $4::text is null or state = $4
 order by id limit $5`;

const meant = `o.published_at is null and o.batch is null
   and ($1::bigint[] is null or o.id = any ($1::bigint[])) and ($2::text is null or o.topic = $2)`;

const told = (action: string, from: string) => `insert into farshore.operator_actions (by, action, stage, topic, partition, options)
  select $3, '${action}', 'outbox', g.topic, -1, jsonb_build_object('rows', count(*)::text, 'ids', left(string_agg(g.id::text, ',' order by g.id), 1000))
    from ${from} g group by g.topic`;

const retryText = `with again as (
  update farshore.outbox o set next_attempt_at = null where ${meant} and o.last_error is not null returning o.id, o.topic
), told as (${told('retry', 'again')})
select count(*) as rows from again`;

const discardText = `with gone as (
  delete from farshore.outbox o where ${meant}
     and (o.last_error is not null
          or ($1::bigint[] is not null and not exists (select from farshore.topics t where t.topic = o.topic and t.home = $4)))
  returning o.id, o.topic
), told as (${told('discard', 'gone')})
select count(*) as rows from gone`;

const filterValues = ({ ids, topic }: OutboxFilter): readonly unknown[] => [ids === undefined ? null : `{${ids.join(',')}}`, topic ?? null];

const rowView = (row: TextRow): OutboxRowView => {
  const partition = optionalText(row, 'partition');
  return {
    id: text(row, 'id'),
    topic: text(row, 'topic'),
    partition: partition === undefined ? null : Number(partition),
    state: text(row, 'state') as OutboxRowState,
    attempts: integer(row, 'attempts'),
    nextAttemptAt: optionalText(row, 'next_attempt_at') ?? null,
    error: optionalText(row, 'last_error') ?? null,
    createdAt: text(row, 'created_at'),
    bytes: integer(row, 'bytes'),
  };
};

/** `region`: the name its own topics have for a home. */
export function outboxRows(database: Database, region: string): OutboxRows {
  // The relay's own: a row is either named in a batch before a change looks at it, or not before the change is done.
  const turn: Statement = { text: 'select pg_advisory_xact_lock($1, $2)', values: [outboxLock.classId, outboxLock.objectId] };
  const changed = async (statement: Statement, signal: AbortSignal): Promise<number> =>
    integer((await database.transaction([turn, statement, WAKE_OUTBOX], signal))[1]!.rows[0]!, 'rows');
  return {
    async topics(signal) {
      const { rows } = await database.query({ text: topicsText, values: [] }, signal);
      return rows.map((row) => ({
        topic: text(row, 'topic'),
        home: optionalText(row, 'home') ?? null,
        unpublished: integer(row, 'unpublished'),
        refused: integer(row, 'refused'),
        oldestSeconds: Math.max(0, Number(text(row, 'oldest'))),
      }));
    },
    async list({ topic, state, after, limit }, signal) {
      const { rows } = await database.query({ text: listText, values: [region, after, topic ?? null, state ?? null, limit] }, signal);
      return rows.map(rowView);
    },
    retry: async (filter, by, signal) => await changed({ text: retryText, values: [...filterValues(filter), by] }, signal),
    discard: async (filter, by, signal) => await changed({ text: discardText, values: [...filterValues(filter), by, region] }, signal),
  };
}

import type { Statement } from '../apply/contracts.ts';
import type { ErrorCode } from '../model/errors.ts';
import type { RejectedDetail, RejectedFilter, RejectedRecord } from '../model/rejected.ts';
import type { RejectedStore } from '../rejected/contracts.ts';
import type { UnpublishedStore } from '../rejected/publish.ts';
import type { Database } from './database.ts';
import { integer, optionalText, type TextRow, text } from './result-values.ts';

const time = (column: string): string => `to_char(r.${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${column}`;

const summary = `r.id, r.topic, r.partition, r.record_offset, r.table_name, r.waits_for, r.reason, r.sql_state, r.message, r.attempts,
       ${time('first_seen')}, ${time('last_seen')}`;

const detailText = `select ${summary}, r.timestamp_ms, r.home_epoch, r.generation, r.key, r.value, r.headers, r.header_count
  from farshore.rejected_records r`;

const meant = `($1::bigint[] is null or r.id = any ($1::bigint[])) and ($2::text is null or r.table_name = $2)
   and ($3::text is null or r.reason = $3) and ($4::timestamptz is null or r.last_seen >= $4::timestamptz)
   and ($1::bigint[] is not null or (r.waits_for is not null) = $5)`;

const filterValues = ({ ids, table, reason, since, parked }: RejectedFilter): readonly unknown[] => [
  ids === undefined ? null : `{${ids.join(',')}}`,
  table ?? null,
  reason ?? null,
  since ?? null,
  parked,
];

const options = ({ ids, table, reason, since, parked }: RejectedFilter): Record<string, string> => ({
  ...(ids === undefined ? {} : { ids: ids.join(',') }),
  ...(table === undefined ? {} : { table }),
  ...(reason === undefined ? {} : { reason }),
  ...(since === undefined ? {} : { since }),
  ...(parked ? { parked: 'true' } : {}),
});

// What is given up is recorded a partition, from the first offset to behind the last: those between may have been applied.
const discardStatement = (filter: RejectedFilter, by: string): Statement => ({
  text: `with gone as (delete from farshore.rejected_records r where ${meant} returning r.topic, r.partition, r.record_offset),
     told as (insert into farshore.operator_actions (by, action, stage, topic, partition, lost_from, lost_to, options)
              select $6, 'discard', 'apply', g.topic, g.partition, min(g.record_offset), max(g.record_offset) + 1,
                     $7::jsonb || jsonb_build_object('records', count(*)::text)
                from gone g group by g.topic, g.partition)
select count(*) as records from gone`,
  values: [...filterValues(filter), by, JSON.stringify(options(filter))],
});

// One that a retry has taken is passed over: it is being applied, or will be seen just now. One that goes here is not applied by a retry that has
// only read it.
const expireText = `with gone as (
  delete from farshore.rejected_records
   where id in (select id from farshore.rejected_records
                 where waits_for is null and last_seen <= clock_timestamp() - make_interval(days => $1::integer)
                 order by id limit $2::integer for update skip locked)
  returning topic, partition, record_offset),
     told as (insert into farshore.operator_actions (by, action, stage, topic, partition, lost_from, lost_to, options)
              select 'rejected.retention', 'expire', 'apply', g.topic, g.partition, min(g.record_offset), max(g.record_offset) + 1,
                     jsonb_build_object('records', count(*)::text, 'days', $1::integer::text)
                from gone g group by g.topic, g.partition)
select count(*) as records from gone`;

const countsText = `select table_name, count(*) filter (where waits_for is null) as records, count(*) filter (where waits_for is not null) as parked
  from farshore.rejected_records group by table_name order by table_name`;

/**
 * What a kept record says of its schema: the last header of that name, its length in front (`0a00` and an id of 4 bytes, `2201` and one of 16), or
 * else the first bytes of its value, 5 or 17. A byte more would make a group of nearly each record.
 */
const SCHEMA_HEADER = Buffer.from('__value_schema_id').toString('hex');
const schemaBytes = `coalesce(
    case when position('\\x${SCHEMA_HEADER}'::bytea in k.headers) > 0
         then substring(encode(k.headers, 'hex') from '^(?:..)*22${SCHEMA_HEADER}(0a00.{8}|2201.{32})') end,
    encode(substr(k.value, 1, case when substr(k.value, 1, 1) = '\\x00'::bytea then 5 else 17 end), 'hex'))`;

/** No more of a record than says its schema: 17 bytes of its value, and its headers where one may name it. Values of a page may be of any size. */
const namesSchema = `position('\\x${SCHEMA_HEADER}'::bytea in r.headers) > 0`;
const schemaText = `select ${summary}, r.timestamp_ms, r.home_epoch, r.generation, null as key, substr(r.value, 1, 17) as value,
       case when ${namesSchema} then r.headers else '' end as headers, case when ${namesSchema} then r.header_count else 0 end as header_count
  from farshore.rejected_records r`;

const bytes = (row: TextRow, column: string): string | null => {
  const hex = row[column];
  return hex === null || hex === undefined ? null : Buffer.from(hex.slice(2), 'hex').toString('base64');
};

const record = (row: TextRow): RejectedRecord => ({
  id: text(row, 'id'),
  topic: text(row, 'topic'),
  partition: integer(row, 'partition'),
  offset: text(row, 'record_offset'),
  table: text(row, 'table_name'),
  waitsFor: optionalText(row, 'waits_for') ?? null,
  reason: text(row, 'reason') as ErrorCode,
  sqlState: optionalText(row, 'sql_state') ?? null,
  message: text(row, 'message'),
  attempts: integer(row, 'attempts'),
  firstSeen: text(row, 'first_seen'),
  lastSeen: text(row, 'last_seen'),
});

const detail = (row: TextRow): RejectedDetail => ({
  ...record(row),
  timestampMs: integer(row, 'timestamp_ms'),
  homeEpoch: integer(row, 'home_epoch'),
  generation: integer(row, 'generation'),
  key: bytes(row, 'key'),
  value: bytes(row, 'value'),
  headers: bytes(row, 'headers') ?? '',
  headerCount: integer(row, 'header_count'),
});

/** farshore.rejected_records as others read it; apply writes it, in the transactions that move positions. */
export function rejectedStore(database: Database): RejectedStore & UnpublishedStore {
  return {
    async list(filter, { after, limit }, signal) {
      const { rows } = await database.query(
        {
          text: `select ${summary} from farshore.rejected_records r where ${meant} and r.id > $6 order by r.id limit $7`,
          values: [...filterValues(filter), after, limit],
        },
        signal,
      );
      return rows.map(record);
    },
    async get(id, signal) {
      const { rows } = await database.query(
        {
          text: `${detailText} where r.id = $1`,
          values: [id],
        },
        signal,
      );
      return rows[0] === undefined ? undefined : detail(rows[0]);
    },
    async unpublished(limit, signal) {
      const { rows } = await database.query(
        {
          text: 'select id from farshore.rejected_records where published_at is null and waits_for is null order by id limit $1',
          values: [limit],
        },
        signal,
      );
      return rows.map((row) => text(row, 'id'));
    },
    async ofUnknownSchemas({ after, limit }, signal) {
      const statement = `with one as (
  select min(k.id) as id from farshore.rejected_records k where k.reason = 'schema_unknown' and k.waits_for is null
   group by ${schemaBytes} having min(k.id) > $1 order by 1 limit $2)
${schemaText} where r.id in (select one.id from one) order by r.id`;
      return (await database.query({ text: statement, values: [after, limit] }, signal)).rows.map(detail);
    },
    async markPublished(ids, signal) {
      const text = 'update farshore.rejected_records set published_at = clock_timestamp() where id = any ($1::bigint[])';
      await database.query({ text, values: [`{${ids.join(',')}}`] }, signal);
    },
    async discard(filter, by, signal) {
      const { rows } = await database.query(discardStatement(filter, by), signal);
      return integer(rows[0]!, 'records');
    },
    async expire(days, limit, signal) {
      const { rows } = await database.query({ text: expireText, values: [days, limit] }, signal);
      return integer(rows[0]!, 'records');
    },
    async counts(signal) {
      const { rows } = await database.query({ text: countsText, values: [] }, signal);
      return rows.map((row) => ({ table: text(row, 'table_name'), records: integer(row, 'records'), parked: integer(row, 'parked') }));
    },
    async recordRetry(filter, by, counts, signal) {
      await database.query(
        {
          text: `insert into farshore.operator_actions (by, action, stage, topic, partition, options)
values ($1, 'retry', 'apply', $2, -1, $3)`,
          values: [by, filter.table ?? '*', JSON.stringify({ ...options(filter), ...counts })],
        },
        signal,
      );
    },
  };
}

import { overtakenSql } from '../apply/home-fence.ts';
import type { ParkedRecord, ParkedStore } from '../apply/parked-records.ts';
import type { Database } from './database.ts';
import { integer, type TextRow, text } from './result-values.ts';

const buffer = (row: TextRow, column: string): Buffer | null => {
  const hex = row[column];
  return hex === null || hex === undefined ? null : Buffer.from(hex.slice(2), 'hex');
};

const record = (row: TextRow): ParkedRecord => ({
  id: text(row, 'id'),
  topic: text(row, 'topic'),
  partition: integer(row, 'partition'),
  offset: BigInt(text(row, 'record_offset')),
  table: text(row, 'table_name'),
  timestampMs: integer(row, 'timestamp_ms'),
  homeEpoch: integer(row, 'home_epoch'),
  generation: integer(row, 'generation'),
  key: buffer(row, 'key'),
  value: buffer(row, 'value'),
  headers: buffer(row, 'headers') ?? Buffer.alloc(0),
  headerCount: integer(row, 'header_count'),
  ageSeconds: integer(row, 'age_seconds'),
});

// Seen now: whoever reads it has the whole time of the retention for it.
const rejectOvertakenText = `with overtaken as (
  select r.id from farshore.rejected_records r join farshore.topics t on t.topic = r.topic
   where r.waits_for is not null and ${overtakenSql('$1', 'r.home_epoch')}
   order by r.id limit $2 for update of r skip locked)
update farshore.rejected_records r
   set waits_for = null, last_seen = clock_timestamp(),
       message = 'not tried again, since the region became home and was written to after it: ' || r.message
  from overtaken o where r.id = o.id
returning r.topic, r.partition, r.record_offset, r.table_name`;

/** The parked ones of farshore.rejected_records. Apply writes them, in the transactions that move positions. */
export function parkedStore(database: Database, region: string): ParkedStore {
  return {
    async list({ waitsFor, after, limit }, signal) {
      const { rows } = await database.query(
        {
          text: `select r.id, r.topic, r.partition, r.record_offset, r.table_name, r.timestamp_ms, r.home_epoch, r.generation, r.key, r.value,
       r.headers, r.header_count, floor(extract(epoch from clock_timestamp() - r.first_seen))::bigint as age_seconds
  from farshore.rejected_records r
 where r.waits_for is not null and ($1::text[] is null or r.waits_for = any ($1::text[])) and r.id > $2
   and not exists (select 1 from farshore.topics t where t.topic = r.topic and t.home = $4)
 order by r.id limit $3`,
          values: [waitsFor ?? null, after, limit, region],
        },
        signal,
      );
      return rows.map(record);
    },
    async counts(signal) {
      const { rows } = await database.query(
        {
          text: 'select table_name, count(*) as records from farshore.rejected_records where waits_for is not null group by table_name',
          values: [],
        },
        signal,
      );
      return new Map(rows.map((row) => [text(row, 'table_name'), integer(row, 'records')]));
    },
    async reject(id, signal) {
      await database.query({ text: 'update farshore.rejected_records set waits_for = null where id = $1', values: [id] }, signal);
    },
    async rejectOvertaken(limit, signal) {
      const { rows } = await database.query({ text: rejectOvertakenText, values: [region, limit] }, signal);
      return rows.map((row) => ({
        topic: text(row, 'topic'),
        partition: integer(row, 'partition'),
        offset: BigInt(text(row, 'record_offset')),
        table: text(row, 'table_name'),
      }));
    },
    async parentOf(child, constraint, signal) {
      const { rows } = await database.query(
        {
          text: `select pn.nspname || '.' || p.relname as parent
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace
 where n.nspname || '.' || c.relname = $1 and k.conname = $2`,
          values: [child, constraint],
        },
        signal,
      );
      return rows[0] === undefined ? undefined : text(rows[0], 'parent');
    },
  };
}

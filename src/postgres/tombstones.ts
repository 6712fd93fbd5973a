import type { TombstoneStore } from '../apply/prune-tombstones.ts';
import type { Database } from './database.ts';
import { integer, optionalText } from './result-values.ts';

// A rejected record that is kept may hold an older state of any row, and a retry would apply it, to every table of its topic: time stands still at
// the oldest one of the table or of its topics. Ids rise with first_seen but for transactions side by side, which the margin in $4 is far above.
// A backfill may hold a row that it read before the delete (C4): while one of the table is open nothing goes.
// A tombstone that a transaction of apply is just raising is passed over. Nothing sorts below the empty array.
const pruneText = `with page as (
  select key from farshore.tombstones
   where table_name = $1::text and key > $2::jsonb
   order by key limit $3::integer),
old as (
  select t.key from farshore.tombstones t join page using (key)
   where t.table_name = $1::text
     and t.deleted_at < least(clock_timestamp(), (select r.first_seen from farshore.rejected_records r
                                                   where r.table_name = $1::text order by r.id limit 1),
                              (select min(r.first_seen) from farshore.rejected_records r where r.topic = any ($5::text[])))
                        - $4::bigint * interval '1 millisecond'
     and not exists (select 1 from farshore.backfills b where b.table_name = $1::text and b.ended_at is null)
     and not exists (select 1 from farshore.apply_positions p where p.topic = any ($5::text[]) and p.epoch <> $6::bigint)
   for update of t skip locked),
gone as (
  delete from farshore.tombstones d using old where d.table_name = $1::text and d.key = old.key returning 1)
select (select count(*) from gone) as deleted, (select key::text from page order by key desc limit 1) as last`;

/** farshore.tombstones as its retention sees it; apply writes and reads them with the rows. */
export const tombstoneStore = (database: Database): TombstoneStore => ({
  async prune({ table, topics, epoch, keepMs, after, limit }, signal) {
    const { rows } = await database.query(
      { text: pruneText, values: [table, after ?? '[]', limit, BigInt(Math.ceil(keepMs)), topics, epoch] },
      signal,
    );
    return { deleted: integer(rows[0]!, 'deleted'), last: optionalText(rows[0]!, 'last') };
  },
});

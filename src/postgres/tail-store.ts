import type { TailStore } from '../cutover/unmirrored-tail.ts';
import type { Database } from './database.ts';
import { bigInteger, integer, text } from './result-values.ts';

/** farshore.unmirrored_tail. */
export const tailStore = (database: Database): TailStore => ({
  async keep(tails, signal) {
    await database.query(
      {
        text: `insert into farshore.unmirrored_tail (topic, partition, from_offset, to_offset)
select * from unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[])
on conflict (topic, partition) do update set from_offset = excluded.from_offset, to_offset = excluded.to_offset`,
        values: [
          tails.map(({ topic }) => topic),
          tails.map(({ partition }) => partition),
          tails.map(({ from }) => from),
          tails.map(({ to }) => to),
        ],
      },
      signal,
    );
  },
  async list(signal) {
    const listText = `select topic, partition, from_offset, to_offset, to_char(found_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as found_at
  from farshore.unmirrored_tail order by topic, partition`;
    const { rows } = await database.query({ text: listText, values: [] }, signal);
    return rows.map((row) => ({
      topic: text(row, 'topic'),
      partition: integer(row, 'partition'),
      from: bigInteger(row, 'from_offset'),
      to: bigInteger(row, 'to_offset'),
      foundAt: text(row, 'found_at'),
    }));
  },
});

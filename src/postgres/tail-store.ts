import type { TailStore } from '../cutover/unmirrored-tail.ts';
import type { Database } from './database.ts';

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
});

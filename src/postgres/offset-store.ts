import type { Statement } from '../apply/contracts.ts';
import type { KeptOffsets, OffsetStore } from '../mirror/offset-keeper.ts';
import type { OffsetPoint } from '../mirror/offset-points.ts';
import { type AnyOffset, homeOffset, offsetValue, regionalOffset } from '../model/offsets.ts';
import type { Database } from './database.ts';
import { integer, type TextRow, text } from './result-values.ts';

/** A row holds at most a few KiB; this many make one statement. */
const ROWS_AT_ONCE = 200;

const loadStatement = (topics: readonly string[]): Statement => ({
  text: `select topic, partition, home_topic_id, regional_topic_id, home_offsets, regional_offsets
  from farshore.offset_map where topic = any ($1::text[]) order by topic, partition`,
  values: [topics],
});

const literal = (offsets: readonly AnyOffset[]): string => `{${offsets.map((offset) => String(offsetValue(offset))).join(',')}}`;

// Lists of lists travel as text: unnest would flatten arrays of arrays.
const saveStatement = (offsets: readonly KeptOffsets[], epoch: bigint): Statement => ({
  text: `insert into farshore.offset_map as m (topic, partition, home_topic_id, regional_topic_id, home_offsets, regional_offsets, epoch)
select o.topic, o.partition, o.home_topic_id, o.regional_topic_id, o.home::bigint[], o.regional::bigint[], $7
  from unnest($1::text[], $2::integer[], $3::uuid[], $4::uuid[], $5::text[], $6::text[])
       as o (topic, partition, home_topic_id, regional_topic_id, home, regional)
 order by o.topic, o.partition
on conflict (topic, partition) do update
   set home_topic_id = excluded.home_topic_id, regional_topic_id = excluded.regional_topic_id,
       home_offsets = excluded.home_offsets, regional_offsets = excluded.regional_offsets,
       epoch = excluded.epoch, updated_at = clock_timestamp()
 where m.epoch <= excluded.epoch`,
  values: [
    offsets.map(({ topic }) => topic),
    offsets.map(({ partition }) => partition),
    offsets.map(({ homeTopicId }) => homeTopicId),
    offsets.map(({ regionalTopicId }) => regionalTopicId),
    offsets.map(({ points }) => literal(points.map(({ home }) => home))),
    offsets.map(({ points }) => literal(points.map(({ regional }) => regional))),
    epoch,
  ],
});

const offsetsIn = (array: string): readonly bigint[] => (array === '{}' ? [] : array.slice(1, -1).split(',').map(BigInt));

function keptOffsets(row: TextRow): KeptOffsets {
  const regional = offsetsIn(text(row, 'regional_offsets'));
  const points = offsetsIn(text(row, 'home_offsets')).flatMap((home, index): readonly OffsetPoint[] => {
    const other = regional[index];
    return other === undefined ? [] : [{ home: homeOffset(home), regional: regionalOffset(other) }];
  });
  return {
    topic: text(row, 'topic'),
    partition: integer(row, 'partition'),
    homeTopicId: text(row, 'home_topic_id'),
    regionalTopicId: text(row, 'regional_topic_id'),
    points,
  };
}

/** The mapping of offsets in farshore.offset_map. A row that a later lease wrote is left as it is. */
export function offsetStore(database: Database, epoch: bigint): OffsetStore {
  return {
    async load(topics, signal) {
      const { rows } = await database.query(loadStatement(topics), signal);
      return rows.map(keptOffsets);
    },
    async save(offsets, signal) {
      for (let at = 0; at < offsets.length; at += ROWS_AT_ONCE) {
        await database.query(saveStatement(offsets.slice(at, at + ROWS_AT_ONCE), epoch), signal);
      }
    },
  };
}

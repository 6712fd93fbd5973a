import type { Statement, TopicOrder, TopicOrders } from '../apply/contracts.ts';
import { writtenSql } from '../apply/home-fence.ts';
import type { Database } from './database.ts';
import { json, type TextRow, text } from './result-values.ts';
import { generationsOf } from './topic-ledger.ts';

const loadStatement = (topics: readonly string[], region: string): Statement => ({
  name: 'farshore_topic_orders',
  text: `select t.topic, t.home, t.regional_topic_id,
       (select coalesce(json_agg(json_build_array(s.generation, s.partition, s.start_offset::text)
                                 order by s.generation, s.partition), '[]')
          from farshore.generation_starts s where s.topic = t.topic) as starts,
       (select coalesce(json_agg(json_build_array(h.home_epoch, h.home, h.partition, h.from_offset::text)
                                 order by h.home_epoch, h.partition), '[]')
          from farshore.home_epochs h where h.topic = t.topic) as epochs,
       (select coalesce(json_agg(h.home_epoch), '[]')
          from (select distinct e.home, e.home_epoch from farshore.home_epochs e where e.topic = t.topic) h where ${writtenSql('$2', 'false')}) as written
  from farshore.topics t where t.topic = any ($1::text[]) order by t.topic`,
  values: [topics, region],
});

export type EpochStart = readonly [epoch: number, home: string, partition: number, offset: string];

export function homeEpochsOf(starts: readonly EpochStart[]): TopicOrder['homeEpochs'] {
  const epochs = new Map<number, { home: string; starts: Map<number, bigint> }>();
  for (const [epoch, home, partition, offset] of starts) {
    const known = epochs.get(epoch) ?? { home, starts: new Map<number, bigint>() };
    known.starts.set(partition, BigInt(offset));
    epochs.set(epoch, known);
  }
  return [...epochs].map(([epoch, { home, starts: offsets }]) => ({ epoch, home, starts: offsets }));
}

const topicOrder = (row: TextRow): TopicOrder => ({
  topic: text(row, 'topic'),
  home: text(row, 'home'),
  regionalTopicId: text(row, 'regional_topic_id'),
  generations: generationsOf(json(row, 'starts') as readonly (readonly [number, number, string])[]),
  homeEpochs: homeEpochsOf(json(row, 'epochs') as readonly EpochStart[]),
  written: new Set(json(row, 'written') as readonly number[]),
});

/**
 * What apply must know of topics; a topic nobody claimed is left out. Beside the primary an epoch of which no cutover is known does not count as
 * written: a revert that fell back is such a one, and the region's records before it must still come. What was opened there is told otherwise
 * (src/daemon/orders-beside-primary.ts).
 */
export function topicOrders(database: Database, region: string): TopicOrders {
  return {
    async load(topics, signal) {
      const { rows } = await database.query(loadStatement(topics, region), signal);
      return rows.map(topicOrder);
    },
  };
}

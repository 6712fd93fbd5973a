import type { Statement, TopicOrder, TopicOrders } from '../apply/contracts.ts';
import type { Database } from './database.ts';
import { json, type TextRow, text } from './result-values.ts';
import { generationsOf } from './topic-ledger.ts';

/** Whose applications write into this database, and whether cutovers are recorded elsewhere: at a daemon that serves the primary. */
export interface OrderedFor {
  readonly region: string;
  readonly standby: boolean;
}

/*
 * `written`: an epoch of the region that its cutovers know nothing of was none for these rows: it came to the ledger from other clusters, since the
 * database went back to a backup from before it. Where cutovers are recorded elsewhere it may have been one.
 */
const loadStatement = (topics: readonly string[], { region, standby }: OrderedFor): Statement => ({
  name: 'farshore_topic_orders',
  text: `select t.topic, t.home, t.regional_topic_id,
       (select coalesce(json_agg(json_build_array(s.generation, s.partition, s.start_offset::text)
                                 order by s.generation, s.partition), '[]')
          from farshore.generation_starts s where s.topic = t.topic) as starts,
       (select coalesce(json_agg(json_build_array(h.home_epoch, h.home, h.partition, h.from_offset::text)
                                 order by h.home_epoch, h.partition), '[]')
          from farshore.home_epochs h where h.topic = t.topic) as epochs,
       (select coalesce(json_agg(e.home_epoch), '[]')
          from (select distinct h.home_epoch from farshore.home_epochs h where h.topic = t.topic and h.home = $2) e
         where e.home_epoch = t.home_epoch
            or exists (select 1 from farshore.cutover_log l where l.epoch = e.home_epoch and l.open = 'region')
            or ($3::boolean and not exists (select 1 from farshore.cutover_log l where l.epoch = e.home_epoch))) as written
  from farshore.topics t where t.topic = any ($1::text[]) order by t.topic`,
  values: [topics, region, standby],
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

/** What apply must know of topics; a topic nobody claimed is left out. */
export function topicOrders(database: Database, orderedFor: OrderedFor): TopicOrders {
  return {
    async load(topics, signal) {
      const { rows } = await database.query(loadStatement(topics, orderedFor), signal);
      return rows.map(topicOrder);
    },
  };
}

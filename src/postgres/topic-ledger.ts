import type { Statement } from '../apply/contracts.ts';
import type { TopicLedger, TopicRecord } from '../mirror/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Generation } from '../model/generation.ts';
import { offsetValue, type RegionalOffset, regionalOffset } from '../model/offsets.ts';
import type { Database } from './database.ts';
import { integer, json, type TextRow, text } from './result-values.ts';

/** A generation that goes on with the copy of the same log: nothing of it was mirrored anew. */
const continues = (row: string): string => `(${row}.reason in ('partitions_grown', 'rewind_accepted'))`;

// Offsets leave the server as text inside JSON: a JSON number would lose digits above 2^53.
const recordColumns = `t.topic, t.home, t.home_epoch, t.home_topic_id, t.regional_topic_id, t.partitions,
       (select coalesce(json_agg(json_build_array(s.generation, s.partition, s.start_offset::text)
                                 order by s.generation, s.partition), '[]')
          from farshore.generation_starts s where s.topic = t.topic) as starts,
       (select coalesce(json_agg(json_build_array(m.partition, m.start_offset::text)), '[]')
          from (select distinct on (s.partition) s.partition, s.start_offset
                  from farshore.generation_starts s where s.topic = t.topic
                 order by s.partition, ${continues('s')}, case when ${continues('s')} then s.generation else -s.generation end) m) as mirrored_from,
       (select coalesce(json_agg(json_build_array(h.partition, h.from_offset::text)), '[]')
          from farshore.home_epochs h where h.topic = t.topic and h.home_epoch = t.home_epoch) as epoch_from`;

const loadStatement: Statement = { text: `select ${recordColumns} from farshore.topics t order by t.topic`, values: [] };

const readStatement = (topic: string): Statement => ({
  text: `select ${recordColumns} from farshore.topics t where t.topic = $1`,
  values: [topic],
});

interface Starts {
  readonly partitions: readonly number[];
  readonly offsets: readonly bigint[];
}

const startLists = (starts: ReadonlyMap<number, RegionalOffset>): Starts => ({
  partitions: [...starts.keys()],
  offsets: [...starts.values()].map(offsetValue),
});

const claimStatement = (claim: Parameters<TopicLedger['claim']>[0]): Statement => {
  const { partitions, offsets } = startLists(claim.starts);
  return {
    text: `with claimed as (
  insert into farshore.topics (topic, home, home_epoch, home_topic_id, regional_topic_id, partitions, generation)
  values ($1, $2, 1, $3, $4, cardinality($5::integer[]), 1)
  on conflict (topic) do nothing
  returning topic, home
), started as (
  insert into farshore.generation_starts (topic, generation, partition, start_offset, reason)
  select c.topic, 1, s.partition, s.start_offset, 'claimed'
    from claimed c, unnest($5::integer[], $6::bigint[]) as s (partition, start_offset)
)
insert into farshore.home_epochs (topic, home_epoch, partition, home, from_offset)
select c.topic, 1, s.partition, c.home, 0
  from claimed c, unnest($5::integer[]) as s (partition)`,
    values: [claim.topic, claim.home, claim.homeTopicId, claim.regionalTopicId, partitions, offsets],
  };
};

/**
 * The home keeps its epoch; partitions it did not have yet belong to it from their first offset. A new
 * regional topic id means that its offsets count from the start again, so what epochs began at in the old
 * log is dropped and the present one begins at 0.
 */
const raiseStatements = (raise: Parameters<TopicLedger['raiseGeneration']>[0]): readonly Statement[] => {
  const { partitions, offsets } = startLists(raise.starts);
  return [
    {
      text: `with seen as (
  select t.topic, t.regional_topic_id from farshore.topics t where t.topic = $1 and t.generation = $2 for update
), raised as (
  update farshore.topics t
     set generation = t.generation + 1, home_topic_id = $3, regional_topic_id = $4, partitions = cardinality($5::integer[])
    from seen where t.topic = seen.topic
  returning t.topic, t.generation, seen.regional_topic_id <> t.regional_topic_id as renewed
), dropped as (
  delete from farshore.home_epochs h using raised r where h.topic = r.topic and r.renewed
)
insert into farshore.generation_starts (topic, generation, partition, start_offset, reason)
select r.topic, r.generation, s.partition, s.start_offset, $7
  from raised r, unnest($5::integer[], $6::bigint[]) as s (partition, start_offset)`,
      values: [raise.topic, raise.expected, raise.homeTopicId, raise.regionalTopicId, partitions, offsets, raise.reason],
    },
    {
      text: `insert into farshore.home_epochs (topic, home_epoch, partition, home, from_offset)
select t.topic, t.home_epoch, s.partition, t.home, 0
  from farshore.topics t, unnest($3::integer[]) as s (partition)
 where t.topic = $1 and t.generation = $2
   and not exists (select 1 from farshore.home_epochs h where h.topic = t.topic and h.partition = s.partition)`,
      values: [raise.topic, raise.expected + 1, partitions],
    },
  ];
};

// Locked first: two daemons that adopt at once do so one after the other, and the second finds nothing to do.
const adoptStatement = (topic: string, { epoch, home, starts }: Parameters<TopicLedger['adopt']>[1][number]): Statement => {
  const { partitions, offsets } = startLists(starts);
  return {
    text: `with seen as (
  select t.topic from farshore.topics t where t.topic = $1 and t.home_epoch < $2 for update
), moved as (
  update farshore.topics t set home = $3, home_epoch = $2 from seen where t.topic = seen.topic
  returning t.topic
)
insert into farshore.home_epochs (topic, home_epoch, partition, home, from_offset)
select m.topic, $2, s.partition, $3, s.from_offset from moved m, unnest($4::integer[], $5::bigint[]) as s (partition, from_offset)`,
    values: [topic, epoch, home, partitions, offsets],
  };
};

const topicRecord = (row: TextRow): TopicRecord => ({
  topic: text(row, 'topic'),
  home: text(row, 'home'),
  homeEpoch: integer(row, 'home_epoch'),
  homeTopicId: text(row, 'home_topic_id'),
  regionalTopicId: text(row, 'regional_topic_id'),
  partitions: integer(row, 'partitions'),
  generations: generationsOf(json(row, 'starts') as readonly (readonly [number, number, string])[]),
  mirroredFrom: offsetsByPartition(json(row, 'mirrored_from')),
  epochFrom: offsetsByPartition(json(row, 'epoch_from')),
});

/** From [partition, offset] pairs. */
const offsetsByPartition = (pairs: unknown): ReadonlyMap<number, RegionalOffset> =>
  new Map((pairs as readonly (readonly [number, string])[]).map(([partition, offset]) => [partition, regionalOffset(BigInt(offset))]));

/** Generations in order, from [generation, partition, offset] triples. */
export function generationsOf(triples: readonly (readonly [number, number, string])[]): readonly Generation[] {
  const generations = new Map<number, Map<number, RegionalOffset>>();
  for (const [generation, partition, offset] of triples) {
    const starts = generations.get(generation) ?? new Map<number, RegionalOffset>();
    starts.set(partition, regionalOffset(BigInt(offset)));
    generations.set(generation, starts);
  }
  return [...generations].map(([generation, starts]) => ({ generation, starts }));
}

function onlyRecord(rows: readonly TextRow[] | undefined, topic: string): TopicRecord {
  const row = rows?.[0];
  if (row === undefined) throw new FarshoreError('internal', `Topic ${topic} is not in farshore.topics.`, { place: topic });
  return topicRecord(row);
}

/**
 * Homes and generations of mirrored topics. `claim` and `raiseGeneration` are compare-and-set: both answer
 * the record that holds afterwards, which is somebody else's when they were first. Changes are fenced by the lease of the region, `daemon`, or of one
 * shard; else a daemon that stood still could begin a generation inside of what another one has mirrored as the one before:
 *
 *     A reads the regional ends · A stands still · B takes over, mirrors on · A wakes, raises the generation from those ends
 *
 * Rejects with `fenced` when the lease is another's.
 */
export function topicLedger(database: Database, lease: { readonly name: string; readonly epoch: bigint }): TopicLedger {
  const fence: Statement = { text: 'select farshore.check_lease($1, $2)', values: [lease.epoch, lease.name] };
  const change = async (topic: string, statements: readonly Statement[], signal: AbortSignal): Promise<TopicRecord> => {
    const results = await database.transaction([fence, ...statements, readStatement(topic)], signal);
    return onlyRecord(results.at(-1)?.rows, topic);
  };
  return {
    load: async (signal) => await loadTopics(database, signal),
    claim: async (record, signal) => await change(record.topic, [claimStatement(record)], signal),
    adopt: async (topic, epochs, signal) =>
      await change(
        topic,
        epochs.map((epoch) => adoptStatement(topic, epoch)),
        signal,
      ),
    raiseGeneration: async (raise, signal) => await change(raise.topic, raiseStatements(raise), signal),
  };
}

export async function loadTopics(database: Pick<Database, 'query'>, signal: AbortSignal): Promise<readonly TopicRecord[]> {
  const { rows } = await database.query(loadStatement, signal);
  return rows.map(topicRecord);
}

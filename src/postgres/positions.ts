import type { ApplyPositions, Statement } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { regionalOffset } from '../model/offsets.ts';
import type { ApplyPosition } from '../model/position.ts';
import type { Database } from './database.ts';
import { bigInteger, integer, optionalText, type TextRow, text } from './result-values.ts';

const columns = 'p.topic, p.partition, p.topic_id, p.next_offset, p.leader_epoch, p.last_crc, p.epoch';

const position = (row: TextRow): ApplyPosition => {
  const crc = optionalText(row, 'last_crc');
  return {
    topic: text(row, 'topic'),
    partition: integer(row, 'partition'),
    topicId: text(row, 'topic_id'),
    next: regionalOffset(bigInteger(row, 'next_offset')),
    leaderEpoch: integer(row, 'leader_epoch'),
    crc: crc === undefined ? undefined : Number(crc),
  };
};

/**
 * Raises the epoch of rows that have a lower one and inserts what is missing, then reads them. A row with
 * a higher epoch is left as it is and found by the read. Rows are locked in one order, so that two daemons
 * that take the same partitions wait for each other instead of deadlocking; a transaction of the old
 * holder that is under way holds its row and is waited for, so what is read here includes its move.
 */
const takeStatements = (
  topics: readonly string[],
  partitions: readonly number[],
  topicIds: readonly string[],
  epoch: bigint,
): Statement[] => [
  {
    name: 'farshore_positions_lock',
    text: `select 1 from farshore.apply_positions p
 where (p.topic, p.partition) in (select * from unnest($1::text[], $2::integer[]))
 order by p.topic, p.partition for update`,
    values: [topics, partitions],
  },
  {
    name: 'farshore_positions_take',
    text: `insert into farshore.apply_positions as p (topic, partition, topic_id, next_offset, epoch)
select t.topic, t.partition, t.topic_id, 0, $4::bigint
  from unnest($1::text[], $2::integer[], $3::uuid[]) as t (topic, partition, topic_id)
 order by t.topic, t.partition
on conflict (topic, partition) do update set epoch = excluded.epoch where p.epoch < excluded.epoch`,
    values: [topics, partitions, topicIds, epoch],
  },
  {
    name: 'farshore_positions_taken',
    text: `select ${columns} from farshore.apply_positions p
 where (p.topic, p.partition) in (select * from unnest($1::text[], $2::integer[]))
 order by p.topic, p.partition`,
    values: [topics, partitions],
  },
];

// `for share` waits for a transaction that moves the row right now: after a lost connection that is the
// caller's own, whose commit may still come. A plain read would answer the offset before it.
const readStatement = (topic: string, partition: number): Statement => ({
  name: 'farshore_position_read',
  text: `select ${columns} from farshore.apply_positions p where p.topic = $1 and p.partition = $2 for share`,
  values: [topic, partition],
});

const ofTopicsStatement = (topics: readonly string[]): Statement => ({
  name: 'farshore_positions_of_topics',
  text: 'select p.topic, p.partition, p.next_offset from farshore.apply_positions p where p.topic = any ($1::text[])',
  values: [topics],
});

/** Positions of apply in farshore.apply_positions. `take` rejects with `fenced` when a higher epoch holds one of them. */
export function applyPositions(database: Database): ApplyPositions {
  return {
    async take(partitions, epoch, signal) {
      const topics = partitions.map(({ topic }) => topic);
      const numbers = partitions.map(({ partition }) => partition);
      const topicIds = partitions.map(({ topicId }) => topicId);
      const [, , taken] = await database.transaction(takeStatements(topics, numbers, topicIds, epoch), signal);
      const rows = taken?.rows ?? [];
      const foreign = rows.find((row) => bigInteger(row, 'epoch') !== epoch);
      if (foreign !== undefined) {
        const place = `${text(foreign, 'topic')}:${text(foreign, 'partition')}`;
        throw new FarshoreError('fenced', `Partition ${place} is held with epoch ${text(foreign, 'epoch')}, above ${epoch}.`, { place });
      }
      return rows.map(position);
    },
    async read(topic, partition, signal) {
      const { rows } = await database.query(readStatement(topic, partition), signal);
      return rows[0] === undefined ? undefined : position(rows[0]);
    },
    async ofTopics(topics, signal) {
      const { rows } = await database.query(ofTopicsStatement(topics), signal);
      return rows.map((row) => ({
        topic: text(row, 'topic'),
        partition: integer(row, 'partition'),
        next: regionalOffset(bigInteger(row, 'next_offset')),
      }));
    },
  };
}

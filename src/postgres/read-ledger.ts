import type { Statement } from '../apply/contracts.ts';
import type { NeededAudit, ReadLedger, ReadMark } from '../lag/lost-deletes-loop.ts';
import type { Database } from './database.ts';
import { integer, optionalText, type TextRow, text } from './result-values.ts';

const stageOf = (row: TextRow): 'mirror' | 'apply' => (text(row, 'stage') === 'mirror' ? 'mirror' : 'apply');

const marksStatement: Statement = {
  text: `select stage, topic, partition, (extract(epoch from read_until) * 1000)::bigint as read_until_ms from farshore.read_marks`,
  values: [],
};

// A mark only rises: a daemon that lost its lease cannot take back what its successor read.
const saveStatement = (marks: readonly ReadMark[]): Statement => ({
  text: `insert into farshore.read_marks as m (stage, topic, partition, read_until)
select r.stage, r.topic, r.partition, to_timestamp(r.ms / 1000.0)
  from unnest($1::text[], $2::text[], $3::integer[], $4::bigint[]) as r (stage, topic, partition, ms)
 order by r.stage, r.topic, r.partition
on conflict (stage, topic, partition) do update set read_until = greatest(m.read_until, excluded.read_until)`,
  values: [
    marks.map(({ stage }) => stage),
    marks.map(({ topic }) => topic),
    marks.map(({ partition }) => partition),
    marks.map(({ readUntilMs }) => BigInt(Math.floor(readUntilMs))),
  ],
});

// One that is needed already is needed from now: a pass that began before has not seen what was lost since.
const needStatement = ({ topic, stage, partition, table, unreadMs, retentionMs }: NeededAudit): Statement => ({
  text: `insert into farshore.full_audits as f (topic, stage, partition, table_name, unread_ms, retention_ms)
values ($1, $2, $3, $4, $5, $6)
on conflict (topic, stage) do update set since = clock_timestamp(), table_name = excluded.table_name, unread_ms = greatest(f.unread_ms, excluded.unread_ms)
returning (xmax = 0)::text as is_new`,
  values: [topic, stage, partition, table ?? null, BigInt(Math.floor(unreadMs)), BigInt(Math.floor(retentionMs))],
});

const neededStatement: Statement = {
  text: 'select topic, stage, partition, table_name, unread_ms, retention_ms from farshore.full_audits order by topic, stage',
  values: [],
};

/** How far compacted topics were read, in farshore.read_marks, and what needs a full audit since, in farshore.full_audits (C7). */
export function readLedger(database: Database): ReadLedger {
  return {
    async marks(signal) {
      const { rows } = await database.query(marksStatement, signal);
      return rows.map((row) => ({
        stage: stageOf(row),
        topic: text(row, 'topic'),
        partition: integer(row, 'partition'),
        readUntilMs: integer(row, 'read_until_ms'),
      }));
    },
    async saveMarks(marks, signal) {
      if (marks.length > 0) await database.query(saveStatement(marks), signal);
    },
    async need(audit, signal) {
      const { rows } = await database.query(needStatement(audit), signal);
      return text(rows[0]!, 'is_new') === 'true';
    },
    async needed(signal) {
      const { rows } = await database.query(neededStatement, signal);
      return rows.map((row) => ({
        topic: text(row, 'topic'),
        stage: stageOf(row),
        partition: integer(row, 'partition'),
        table: optionalText(row, 'table_name'),
        unreadMs: integer(row, 'unread_ms'),
        retentionMs: integer(row, 'retention_ms'),
      }));
    },
  };
}

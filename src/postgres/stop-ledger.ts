import type { Statement } from '../apply/contracts.ts';
import type { OperatorAction, PartitionStop, StopLedger } from '../mirror/contracts.ts';
import { offsetValue } from '../model/offsets.ts';
import type { Database } from './database.ts';
import { integer, optionalText, type TextRow, text } from './result-values.ts';

const loadStatement = (stage: string): Statement => ({
  text: `select topic, partition, state, code, message, hint,
       to_char(since at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as since
  from farshore.partition_stops where stage = $1 order by topic, partition`,
  values: [stage],
});

const putStatement = ({ stage, topic, partition, state, code, message, hint, since }: PartitionStop): Statement => ({
  text: `insert into farshore.partition_stops (stage, topic, partition, state, code, message, hint, since)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (stage, topic, partition) do update
   set state = excluded.state, code = excluded.code, message = excluded.message, hint = excluded.hint, since = excluded.since`,
  values: [stage, topic, partition, state, code, message, hint, since],
});

const clearStatement = (stage: string, topic: string, partition: number): Statement => ({
  text: 'delete from farshore.partition_stops where stage = $1 and topic = $2 and partition = $3',
  values: [stage, topic, partition],
});

/** The entry of farshore.operator_actions; for a transaction that also does what it tells. */
export const recordActionStatement = (action: OperatorAction): Statement => ({
  text: `insert into farshore.operator_actions (by, action, stage, topic, partition, code, lost_from, lost_to, options)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
  values: [
    action.by,
    action.action,
    action.stage,
    action.topic,
    action.partition,
    action.code,
    action.lostFrom === undefined ? null : offsetValue(action.lostFrom),
    action.lostTo === undefined ? null : offsetValue(action.lostTo),
    JSON.stringify(action.options),
  ],
});

const partitionStop = (stage: PartitionStop['stage'], row: TextRow): PartitionStop => ({
  stage,
  topic: text(row, 'topic'),
  partition: integer(row, 'partition'),
  state: text(row, 'state') === 'paused' ? 'paused' : 'stopped',
  code: text(row, 'code'),
  message: text(row, 'message'),
  hint: optionalText(row, 'hint'),
  since: text(row, 'since'),
});

/** Stops and pauses in farshore.partition_stops, operators' actions in farshore.operator_actions. `since` is ISO 8601 in UTC. */
export function stopLedger(database: Database): StopLedger {
  return {
    async load(stage, signal) {
      const { rows } = await database.query(loadStatement(stage), signal);
      return rows.map((row) => partitionStop(stage, row));
    },
    async put(stop, signal) {
      await database.query(putStatement(stop), signal);
    },
    async clear(stage, topic, partition, signal) {
      await database.query(clearStatement(stage, topic, partition), signal);
    },
    async record(action, signal) {
      await database.query(recordActionStatement(action), signal);
    },
  };
}

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

/** Stops and pauses of a stage as they are recorded. `since` is ISO 8601 in UTC. */
export async function readStops(
  database: Pick<Database, 'query'>,
  stage: PartitionStop['stage'],
  signal: AbortSignal,
): Promise<readonly PartitionStop[]> {
  const { rows } = await database.query(loadStatement(stage), signal);
  return rows.map((row) => partitionStop(stage, row));
}

/**
 * Stops and pauses in farshore.partition_stops, operators' actions in farshore.operator_actions. Changes are fenced by the lease of the region,
 * `daemon`, or of one shard; else a daemon that does not know yet that it lost its lease would take a pause back:
 *
 *     A holds the lease · B takes it over · an operator pauses a partition at B · A finds the topic created again, writes "stopped" ·
 *     B is restarted, reads "stopped", and tries the partition again by itself
 *
 * Rejects with `fenced` when the lease is another's.
 */
export function stopLedger(database: Database, lease: { readonly name: string; readonly epoch: bigint }): StopLedger {
  const fence: Statement = { text: 'select farshore.check_lease($1, $2)', values: [lease.epoch, lease.name] };
  const change = async (statement: Statement, signal: AbortSignal): Promise<void> => {
    await database.transaction([fence, statement], signal);
  };
  return {
    load: async (stage, signal) => await readStops(database, stage, signal),
    put: async (stop, signal) => await change(putStatement(stop), signal),
    clear: async (stage, topic, partition, signal) => await change(clearStatement(stage, topic, partition), signal),
    record: async (action, signal) => await change(recordActionStatement(action), signal),
  };
}

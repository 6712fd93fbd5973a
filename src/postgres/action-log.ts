import type { Statement } from '../apply/contracts.ts';
import type { RecordedAction } from '../model/status.ts';
import type { Database } from './database.ts';
import { integer, json, optionalText, type TextRow, text } from './result-values.ts';

export interface ActionQuery {
  /** Undefined: every topic. */
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  readonly limit: number;
}

const loadStatement = ({ topic, partition, limit }: ActionQuery): Statement => ({
  text: `select to_char(a.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at,
       a.by, a.action, a.stage, a.topic, a.partition, a.code, a.lost_from, a.lost_to, a.options
  from farshore.operator_actions a
 where ($1::text is null or a.topic = $1) and ($2::integer is null or a.partition = $2)
 order by a.id desc limit $3`,
  values: [topic ?? null, partition ?? null, limit],
});

function recordedAction(row: TextRow): RecordedAction {
  const [from, to] = [optionalText(row, 'lost_from'), optionalText(row, 'lost_to')];
  return {
    at: text(row, 'at'),
    by: text(row, 'by'),
    action: text(row, 'action'),
    stage: text(row, 'stage'),
    topic: text(row, 'topic'),
    partition: integer(row, 'partition'),
    code: optionalText(row, 'code') ?? null,
    lost: from === undefined || to === undefined ? null : { from, to },
    options: json(row, 'options') as RecordedAction['options'],
  };
}

/** Who paused and resumed what, the newest first, with the offsets that were given up by it. */
export async function recordedActions(database: Database, query: ActionQuery, signal: AbortSignal): Promise<readonly RecordedAction[]> {
  const { rows } = await database.query(loadStatement(query), signal);
  return rows.map(recordedAction);
}

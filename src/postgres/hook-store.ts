import type { HookStore } from '../cutover/hooks.ts';
import type { CutoverState } from '../model/cutover.ts';
import type { Database } from './database.ts';
import { json, text } from './result-values.ts';

const newestText = `select l.revision, l.from_state, l.to_state, l.epoch, l.open, l.by, l.reason, c.region, c.primary_name,
       to_char(l.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at,
       (select coalesce(json_agg(h.hook), '[]') from farshore.cutover_hooks h where h.revision = l.revision and h.ended_at is not null) as ended
  from farshore.cutover_log l cross join farshore.cutover c
 where l.from_state <> l.to_state order by l.revision desc limit 1`;

const startedText = `insert into farshore.cutover_hooks (revision, hook) values ($1, $2)
on conflict (revision, hook) do update set started_at = clock_timestamp()`;

const endedText = `update farshore.cutover_hooks set ended_at = clock_timestamp(), result = $3, detail = $4 where revision = $1 and hook = $2`;

/** Hooks of the newest change of state, in farshore.cutover_hooks. */
export function hookStore(database: Database): HookStore {
  return {
    async newest(signal) {
      const [row] = (await database.query({ text: newestText, values: [] }, signal)).rows;
      if (row === undefined) return;
      return {
        facts: {
          region: text(row, 'region'),
          primary: text(row, 'primary_name'),
          revision: text(row, 'revision'),
          from: text(row, 'from_state') as CutoverState,
          to: text(row, 'to_state') as CutoverState,
          epoch: text(row, 'epoch'),
          open: text(row, 'open'),
          by: text(row, 'by'),
          reason: text(row, 'reason'),
          at: text(row, 'at'),
        },
        ended: json(row, 'ended') as readonly string[],
      };
    },
    async started(revision, hook, signal) {
      await database.query({ text: startedText, values: [revision, hook] }, signal);
    },
    async ended(revision, hook, { result, detail }, signal) {
      await database.query({ text: endedText, values: [revision, hook, result, detail] }, signal);
    },
  };
}

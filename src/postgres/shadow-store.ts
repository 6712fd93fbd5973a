import type { Statement } from '../apply/contracts.ts';
import type { ShadowDiff, ShadowDiffResult, ShadowExample } from '../model/shadow-view.ts';
import type { DifferenceKind } from '../shadow/difference.ts';
import type { HourCounts, KeptField, KeptHour } from '../shadow/route-statistics.ts';
import type { ShadowStore } from '../shadow/shadow-store.ts';
import type { Database } from './database.ts';
import { integer, optionalText, type TextRow, text } from './result-values.ts';

const countNames = ['match', 'mismatch', 'noise', 'lag', 'unsettled', 'error', 'shed', 'skipped', 'region_error'] as const;

/** Bounds of what is read back at start, far above what a daemon keeps. */
const MAX_HOURS = 200_000;
const MAX_FIELDS = 60_000;

const columns = countNames.join(', ');
const given = countNames.map((name) => `${name} bigint`).join(', ');
const higher = countNames.map((name) => `${name} = greatest(c.${name}, excluded.${name})`).join(', ');

const saveHours = (hours: readonly KeptHour[]): Statement => ({
  text: `insert into farshore.shadow_counts as c (route, hour, ${columns})
select g.route, to_timestamp(g.hour_ms / 1000.0), ${countNames.map((name) => `g.${name}`).join(', ')}
  from jsonb_to_recordset($1::jsonb) as g (route text, hour_ms bigint, ${given})
    on conflict (route, hour) do update set ${higher}`,
  values: [JSON.stringify(hours.map(({ route, hourMs, counts }) => ({ route, hour_ms: hourMs, ...counts })))],
});

// A place that is seen again after its row was deleted begins anew in the database, with the daemon's own count.
const saveFields = (fields: readonly KeptField[]): Statement => ({
  text: `insert into farshore.shadow_differences as d (route, path, kind, result, count, weight, first_seen, last_seen, example)
select g.route, g.path, g.kind, g.result, g.count, g.weight, to_timestamp(g.first_ms / 1000.0), to_timestamp(g.last_ms / 1000.0), nullif(g.example, 'null'::jsonb)
  from jsonb_to_recordset($1::jsonb)
    as g (route text, path text, kind text, result text, count bigint, weight double precision, first_ms bigint, last_ms bigint, example jsonb)
    on conflict (route, result, kind, path) do update
   set count = greatest(d.count, excluded.count), weight = greatest(d.weight, excluded.weight),
       first_seen = least(d.first_seen, excluded.first_seen), last_seen = greatest(d.last_seen, excluded.last_seen),
       example = coalesce(excluded.example, d.example)`,
  values: [
    JSON.stringify(
      fields.map(({ route, path, kind, result, count, weight, firstSeenMs, lastSeenMs, example }) => ({
        ...{ route, path, kind, result, count, weight },
        ...{ first_ms: firstSeenMs, last_ms: lastSeenMs, example },
      })),
    ),
  ],
});

const millis = (column: string): string => `(extract(epoch from d.${column}) * 1000)::bigint as ${column}`;
const time = (column: string): string => `to_char(d.${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${column}`;

const hour = (row: TextRow): KeptHour => ({
  route: text(row, 'route'),
  hourMs: integer(row, 'hour_ms'),
  counts: Object.fromEntries(countNames.map((name) => [name, integer(row, name)])) as HourCounts,
});

const shared = (row: TextRow) => ({
  route: text(row, 'route'),
  path: text(row, 'path'),
  result: text(row, 'result') as ShadowDiffResult,
  count: integer(row, 'count'),
  weight: integer(row, 'weight'),
  example: exampleOf(optionalText(row, 'example')),
});

const exampleOf = (json: string | undefined): ShadowExample | null => (json === undefined ? null : (JSON.parse(json) as ShadowExample));

const field = (row: TextRow): KeptField => ({
  ...shared(row),
  kind: text(row, 'kind') as DifferenceKind,
  firstSeenMs: integer(row, 'first_seen'),
  lastSeenMs: integer(row, 'last_seen'),
});

const diff = (row: TextRow): ShadowDiff => ({
  ...shared(row),
  kind: text(row, 'kind'),
  firstSeen: text(row, 'first_seen'),
  lastSeen: text(row, 'last_seen'),
});

const pruneText = `with hours as (
  delete from farshore.shadow_counts c using (
    select route, hour from farshore.shadow_counts
     where hour <= clock_timestamp() - make_interval(days => $1::integer) order by hour limit $2::integer for update skip locked) old
   where c.route = old.route and c.hour = old.hour returning 1),
     differences as (
  delete from farshore.shadow_differences d using (
    select route, result, kind, path from farshore.shadow_differences
     where last_seen <= clock_timestamp() - make_interval(days => $1::integer) order by last_seen limit $2::integer for update skip locked) old
   where d.route = old.route and d.result = old.result and d.kind = old.kind and d.path = old.path returning 1)
select (select count(*) from hours) + (select count(*) from differences) as rows`;

/** farshore.shadow_counts and farshore.shadow_differences. */
export function shadowStore(database: Database): ShadowStore {
  return {
    async load(hoursSinceMs, signal) {
      const hours = await database.query(
        {
          text: `select c.route, (extract(epoch from c.hour) * 1000)::bigint as hour_ms, ${columns} from farshore.shadow_counts c
 where c.hour > to_timestamp($1 / 1000.0) order by c.hour desc limit ${MAX_HOURS}`,
          values: [hoursSinceMs],
        },
        signal,
      );
      const fields = await database.query(
        {
          text: `select d.route, d.path, d.kind, d.result, d.count, d.weight, ${millis('first_seen')}, ${millis('last_seen')}, d.example
  from farshore.shadow_differences d order by d.last_seen desc limit ${MAX_FIELDS}`,
          values: [],
        },
        signal,
      );
      return { hours: hours.rows.map(hour), fields: fields.rows.map(field) };
    },
    async save({ hours, fields }, signal) {
      const statements = [...(hours.length > 0 ? [saveHours(hours)] : []), ...(fields.length > 0 ? [saveFields(fields)] : [])];
      if (statements.length > 0) await database.transaction(statements, signal);
    },
    async diffs({ route, result, limit }, signal) {
      const { rows } = await database.query(
        {
          text: `select d.route, d.path, d.kind, d.result, d.count, d.weight, ${time('first_seen')}, ${time('last_seen')}, d.example
  from farshore.shadow_differences d
 where ($1::text is null or d.route = $1) and ($2::text is null or d.result = $2) order by d.last_seen desc, d.path limit $3`,
          values: [route ?? null, result ?? null, limit],
        },
        signal,
      );
      return rows.map(diff);
    },
    async prune(days, limit, signal) {
      const { rows } = await database.query({ text: pruneText, values: [days, limit] }, signal);
      return integer(rows[0]!, 'rows');
    },
  };
}

import type { BackfillStore, OpenBackfill } from '../backfill/contracts.ts';
import type { BackfillPosition, BackfillSource, BackfillState, BackfillView } from '../model/backfill.ts';
import type { Database } from './database.ts';
import { integer, json, optionalText, type TextRow, text } from './result-values.ts';

const time = (column: string): string => `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const changes = {
  pause: { to: 'paused', from: ['running', 'settling', 'failed'] },
  // Behind the last row there is one empty chunk to read again, which leads to settling.
  resume: { to: 'running', from: ['paused', 'failed'] },
  stop: { to: 'stopped', from: ['running', 'paused', 'settling', 'failed'] },
  settled: { to: 'done', from: ['settling'] },
} as const;

const viewsText = `select distinct on (b.table_name) b.id, b.table_name, b.by, b.source, b.condition, b.file, b.state, b.error, b.rows_read, b.rows_written, b.rows_expected,
       b.positions, ${time('b.started_at')} as started_at, ${time('b.ended_at')} as ended_at
  from farshore.backfills b order by b.table_name, b.id desc`;

function sourceOf(row: TextRow): BackfillSource {
  const from = text(row, 'source') as BackfillSource['from'];
  if (from === 'file') return { from, file: text(row, 'file') };
  return from === 'topic' ? { from } : { from, where: optionalText(row, 'condition') };
}

export function backfillStore(database: Database, epoch: bigint): BackfillStore {
  const fence = { text: 'select farshore.check_lease($1)', values: [epoch] };
  const write = async (statement: { readonly text: string; readonly values: readonly unknown[] }, signal: AbortSignal) =>
    (await database.transaction([fence, statement], signal))[1]!;
  return {
    async start({ table, by, source, remembered, rowsExpected, positions }, signal) {
      const { rows } = await write(
        {
          text: `insert into farshore.backfills (table_name, by, source, condition, file, remembered, rows_expected, positions) values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb)
on conflict (table_name) where ended_at is null do nothing returning id`,
          values: [
            ...[table, by, source.from],
            source.from === 'database' ? (source.where ?? null) : null,
            source.from === 'file' ? source.file : null,
            remembered ?? null,
            BigInt(Math.round(rowsExpected)),
            JSON.stringify(positions),
          ],
        },
        signal,
      );
      return rows[0] === undefined ? undefined : text(rows[0], 'id');
    },
    async open(signal) {
      const { rows } = await database.query(
        {
          text: 'select id, table_name, source, condition, file, remembered, state, cursor from farshore.backfills where ended_at is null order by id',
          values: [],
        },
        signal,
      );
      return rows.map(
        (row): OpenBackfill => ({
          id: text(row, 'id'),
          table: text(row, 'table_name'),
          source: sourceOf(row),
          state: text(row, 'state') as OpenBackfill['state'],
          cursor: optionalText(row, 'cursor'),
          remembered: optionalText(row, 'remembered'),
        }),
      );
    },
    async change(table, change, signal) {
      const { to, from } = changes[change];
      const changed = await write(
        {
          text: `update farshore.backfills set state = $2, error = null, updated_at = clock_timestamp(),
       ended_at = case when $2 in ('done', 'stopped') then clock_timestamp() end
 where table_name = $1 and ended_at is null and state = any ($3::text[])`,
          values: [table, to, from],
        },
        signal,
      );
      return changed.rowCount > 0;
    },
    async fail(id, { code, message, hint }, signal) {
      const error = JSON.stringify({ code, message, hint: hint ?? null });
      const failed = `update farshore.backfills set state = 'failed', error = $2::jsonb, updated_at = clock_timestamp() where id = $1 and ended_at is null`;
      await write({ text: failed, values: [id, error] }, signal);
    },
    async views(signal) {
      const { rows } = await database.query({ text: viewsText, values: [] }, signal);
      return rows.map((row) => ({
        id: text(row, 'id'),
        table: text(row, 'table_name'),
        by: text(row, 'by'),
        from: sourceOf(row).from,
        where: optionalText(row, 'condition') ?? null,
        file: optionalText(row, 'file') ?? null,
        state: text(row, 'state') as BackfillState,
        error: optionalText(row, 'error') === undefined ? null : (json(row, 'error') as BackfillView['error']),
        rowsRead: integer(row, 'rows_read'),
        rowsWritten: integer(row, 'rows_written'),
        rowsExpected: integer(row, 'rows_expected'),
        positions: json(row, 'positions') as readonly BackfillPosition[],
        startedAt: text(row, 'started_at'),
        endedAt: optionalText(row, 'ended_at') ?? null,
      }));
    },
  };
}

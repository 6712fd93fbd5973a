import type { Statement } from '../apply/contracts.ts';
import { type CopyChance, LEAST_COPIED_ROWS, passed, refused, untried, wentWell } from '../apply/copy-chances.ts';
import type { RowSet } from '../apply/folded.ts';
import type { TableMapping } from '../apply/mapping.ts';
import { setConstraints } from '../apply/statements.ts';
import { tableStatements } from '../apply/table-statements.ts';
import type { ComparedTable } from '../audit/contracts.ts';
import { fitsCursor, readCursor, withColumns, writeCursor } from '../audit/pass-cursor.ts';
import { rowTextsStatement } from '../audit/statements.ts';
import type { Chunk, PreparedTable, Written } from '../backfill/contracts.ts';
import { backfillOffset, rowVersion, type SourceKind } from '../backfill/row-version.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { HomeState } from '../model/home-state.ts';
import { quoteName } from '../model/sql-name.ts';
import { writeChunk } from './backfill-chunk.ts';
import type { Database } from './database.ts';
import type { TextRow } from './result-values.ts';
import { TextColumn } from './text-column.ts';

/** A field that orders states, and the primary's column it comes from. */
export interface SourceField {
  readonly column: string;
  readonly kind: SourceKind;
}

/** Rows of the primary, in key order. */
interface RowsChunk extends Chunk {
  /** By column, as text of the server. */
  readonly columns: readonly TextColumn[];
  /** Hex of each row's version. */
  readonly versions: TextColumn;
}

export interface BackfillTableParts {
  readonly primary: Database;
  readonly region: Database;
  readonly epoch: bigint;
  readonly compared: ComparedTable;
  /** Its columns are those of `compared`, in that order; one more where a delete is a column that a state sets back. */
  readonly mapping: TableMapping;
  /** Of its topics, looked up before the first row is read. */
  readonly states: readonly HomeState[];
  /** Its name, as the ledger has it. */
  readonly regionName: string;
  readonly source: readonly SourceField[];
  /** Of the column that a state sets back. */
  readonly restored: string | null;
}

/**
 * Chunks are written by the statements that write the stream's records, guard, tombstones, parts of rows and soft deletes included: what
 * is right for a record that comes late is right for a row that was read a moment ago. As there, rows that are probably all new are copied, and a chunk
 * that meets one that is not is written with its guard (docs/decisions/0015-copy-for-new-rows.md).
 */
export function backfillTable(parts: BackfillTableParts): PreparedTable {
  const { primary, region, epoch, compared, mapping, states, regionName, source, restored } = parts;
  const homeEpoch = Math.min(...states.map((state) => state.homeEpoch));
  const { upsert, newRows } = tableStatements(mapping, mapping);
  let chance: CopyChance = untried;
  const kinds = source.map(({ kind }) => kind);
  const fence: Statement = {
    text: `select farshore.check_lease($1), pg_advisory_xact_lock_shared(hashtextextended('farshore apply ' || $2::text, 0)),
       set_config('plan_cache_mode', 'force_generic_plan', true)`,
    values: [epoch, mapping.name],
  };
  const sources = source.map(({ column, kind }) => sourceText(`t.${quoteName(column)}`, kind));
  return {
    remembered: JSON.stringify(kinds),
    async read({ id, cursor: written }, limit, signal): Promise<RowsChunk> {
      const cursor = written && withColumns(compared, written);
      const offset = backfillOffset('database', id, 0n);
      if (cursor !== undefined && !fitsCursor(compared, cursor)) throw changedSince(mapping.name);
      const place = readCursor(compared, cursor);
      if (place.kind === 'done') return { rows: 0, bytes: 0, cursor: cursor!, done: true, columns: [], versions: new TextColumn() };
      const { rows } = await primary.query(rowTextsStatement(compared, { after: place.key, upTo: undefined }, limit, sources), signal);
      const last = rows.at(-1);
      const key = last === undefined ? place.key : compared.key.map((_column, index) => last[`k${index}`]!);
      const columns = compared.columns.map((_column, index) => columnOf(rows, (row) => row[`v${index}`] ?? null));
      if (mapping.columns.length > columns.length) columns.push(columnOf(rows, () => restored));
      const sourceOf = (row: TextRow) => kinds.map((_kind, index) => row[`s${index}`] ?? null);
      return {
        rows: rows.length,
        bytes: bytesOf(rows),
        cursor: writeCursor(compared, { kind: 'after', key }),
        done: rows.length < limit,
        columns,
        versions: columnOf(rows, (row) => rowVersion(homeEpoch, kinds, sourceOf(row), offset)),
      };
    },
    async write(backfill, chunk: RowsChunk, signal) {
      const given: RowSet = { columns: chunk.columns, versions: chunk.versions, offsetOf: () => 0n, merged: () => false };
      /** Statements whose answers count as rows written come behind `before`. */
      const commit = async (before: readonly Statement[], rows: readonly Statement[]): Promise<Written> => {
        const statements = [fence, ...before, ...rows, setConstraints];
        const upserts = rows.map((_statement, index) => 1 + before.length + index);
        return await writeChunk(region, { region: regionName, states }, { statements, upserts }, { backfill, chunk }, signal);
      };
      const guarded = async () => await commit([], chunk.rows === 0 ? [] : upsert!(given));
      if (newRows === undefined || chunk.rows < LEAST_COPIED_ROWS) return await guarded();
      if (chance.wait > 0) {
        chance = passed(chance);
        return await guarded();
      }
      try {
        const written = await commit([newRows.permitted], [newRows.copy(given)]);
        if (written !== 'home_moved') chance = wentWell(chance);
        return written;
      } catch (error) {
        chance = refused(chance);
        // Nothing of it is in. Whatever the refusal says, of a row that exists or of a column: the guarded statements decide.
        const action = findFarshoreError(error)?.action;
        if (signal.aborted || (action !== 'reject' && action !== 'stop')) throw error;
        return await guarded();
      }
    },
  };
}

/** Begun again under its own number it would write nothing: the rows it wrote already have the version that it would bring them with. */
const changedSince = (table: string): FarshoreError =>
  new FarshoreError('backfill_refused', 'The key, the source or the columns of the table have changed since the last chunk', {
    place: `table ${table}`,
    hint: `farshore backfill stop --table ${table}, and start it again: every row is brought again, with what changed.`,
  });

function columnOf(rows: readonly TextRow[], value: (row: TextRow) => string | null): TextColumn {
  const column = new TextColumn();
  for (const row of rows) column.push(value(row));
  return column;
}

/** As the stream writes it: a moment in microseconds, rounded down to milliseconds (see row-version.ts). */
function sourceText(column: string, kind: SourceKind): string {
  if (kind !== 'timestamp') return `${column}::text`;
  return `(case when isfinite(${column}) then floor(extract(epoch from ${column}) * 1000)::bigint * 1000 end)::text`;
}

function bytesOf(rows: readonly TextRow[]): number {
  let bytes = 0;
  for (const row of rows) for (const value of Object.values(row)) bytes += 4 + (value === null ? 0 : value.length);
  return bytes;
}

/** Whether a column of the primary can give what the stream's schemas order by. */
export function sourceFits(type: string, kind: SourceKind): boolean {
  const types: Readonly<Record<SourceKind, readonly string[]>> = {
    integer: ['int2', 'int4', 'int8', 'numeric'],
    timestamp: ['timestamptz', 'timestamp', 'date'],
    text: ['text', 'varchar', 'uuid'],
  };
  return types[kind].includes(type);
}

import type { TableMapping } from '../apply/mapping.ts';
import { setConstraints, tableStatements } from '../apply/statements.ts';
import type { ComparedTable } from '../audit/contracts.ts';
import { readCursor, writeCursor } from '../audit/pass-cursor.ts';
import { rowTextsStatement } from '../audit/statements.ts';
import type { Chunk, OpenBackfill, PreparedTable } from '../backfill/contracts.ts';
import { backfillOffset, rowVersion, type SourceKind } from '../backfill/row-version.ts';
import { quoteName } from '../model/sql-name.ts';
import type { Database } from './database.ts';
import type { TextRow } from './result-values.ts';

/** A field that orders states, and the primary's column it comes from. */
export interface SourceField {
  readonly column: string;
  readonly kind: SourceKind;
}

/** Rows of the primary, in key order. */
interface RowsChunk extends Chunk {
  /** By column, as text of the server; null is NULL. */
  readonly columns: readonly (readonly (string | null)[])[];
  /** Hex of each row's version. */
  readonly versions: readonly string[];
}

export interface BackfillTableParts {
  readonly primary: Database;
  readonly region: Database;
  readonly epoch: bigint;
  readonly compared: ComparedTable;
  /** Its columns are those of `compared`, in that order; one more where a delete is a column that a state sets back. */
  readonly mapping: TableMapping;
  readonly homeEpoch: number;
  readonly source: readonly SourceField[];
  /** Of the column that a state sets back. */
  readonly restored: string | null;
}

/**
 * Chunks are written by the statements that write the stream's records, guard, tombstones, parts of rows and soft deletes included: what
 * is right for a record that comes late is right for a row that was read a moment ago. For the same reason they travel as arrays and not by COPY, at
 * some 80,000 rows a second of five columns, read, guarded and written, on two cores; chunks of 1,000 and of 20,000 rows make no difference.
 */
export function backfillTable(parts: BackfillTableParts): PreparedTable {
  const { primary, region, epoch, compared, mapping, homeEpoch, source, restored } = parts;
  const upsert = tableStatements(mapping, mapping).upsert!;
  const kinds = source.map(({ kind }) => kind);
  const sources = source.map(({ column, kind }) => sourceText(`t.${quoteName(column)}`, kind));
  return {
    remembered: JSON.stringify(kinds),
    async read({ id, cursor }, limit, signal): Promise<RowsChunk> {
      const offset = backfillOffset('database', id, 0n);
      const place = readCursor(compared, cursor);
      if (place.kind === 'done') return { rows: 0, bytes: 0, cursor: cursor!, done: true, columns: [], versions: [] };
      const { rows } = await primary.query(rowTextsStatement(compared, { after: place.key, upTo: undefined }, limit, sources), signal);
      const last = rows.at(-1);
      const key = last === undefined ? place.key : compared.key.map((_column, index) => last[`k${index}`]!);
      const columns: (string | null)[][] = compared.columns.map((_column, index) => rows.map((row) => row[`v${index}`] ?? null));
      if (mapping.columns.length > columns.length) columns.push(rows.map(() => restored));
      return {
        rows: rows.length,
        bytes: bytesOf(rows),
        cursor: writeCursor(compared, { kind: 'after', key }),
        done: rows.length < limit,
        columns,
        versions: rows.map((row) =>
          rowVersion(
            homeEpoch,
            kinds,
            kinds.map((_kind, index) => row[`s${index}`] ?? null),
            offset,
          ),
        ),
      };
    },
    async write(backfill, chunk: RowsChunk, signal) {
      const given = {
        columns: chunk.columns,
        versions: chunk.versions,
        offsetOf: () => 0n,
        merged: () => false,
      };
      const upserts = chunk.rows === 0 ? [] : upsert(given);
      const first = {
        text: `select farshore.check_lease($1), pg_advisory_xact_lock_shared(hashtextextended('farshore apply ' || $2::text, 0)),
       set_config('plan_cache_mode', 'force_generic_plan', true)`,
        values: [epoch, mapping.name],
      };
      let written = 0;
      await region.conversation(
        [
          () => [first, ...upserts, setConstraints],
          (before) => {
            // Behind the answers of BEGIN and of the fence.
            written = before.slice(2, 2 + upserts.length).reduce((sum, { rowCount }) => sum + rowCount, 0);
            return [moveStatement(backfill, chunk, written)];
          },
        ],
        signal,
      );
      return written;
    },
  };
}

export const moveStatement = ({ id, cursor }: OpenBackfill, chunk: Chunk, written: number) => ({
  text: 'select farshore.move_backfill($1, $2, $3, $4, $5, $6)',
  values: [id, cursor ?? null, chunk.cursor, BigInt(chunk.rows), BigInt(written), chunk.done],
});

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

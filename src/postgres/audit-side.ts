import type {
  Answered,
  AuditSide,
  ComparedTable,
  Key,
  KeyRange,
  RangeDigest,
  RowDigest,
  RowLook,
  ServerPosition,
  Side,
  SideTable,
} from '../audit/contracts.ts';
import { describeStatement } from '../audit/describe-statement.ts';
import { type RawTable, sideTable } from '../audit/described-table.ts';
import {
  boundariesStatement,
  conditionStatements,
  lookStatement,
  positionStatement,
  rangeDigestStatement,
  rowDigestsStatement,
  type Statement,
} from '../audit/statements.ts';
import { FarshoreError } from '../model/errors.ts';
import type { TableName } from '../model/sql-name.ts';
import type { Database } from './database.ts';
import { integer, json, optionalText, type TextRow, text, truth } from './result-values.ts';

/** Classes of SQLSTATE that say the condition itself is wrong: syntax, names and types, and values it cannot compute with. */
const CONDITION_STATES = /^(42(?!501)|22)/;

/** One database of a comparison, asked in SQL. */
export class PostgresAuditSide implements AuditSide {
  readonly side: Side;
  readonly #database: Database;

  constructor(side: Side, database: Database) {
    this.side = side;
    this.#database = database;
  }

  async describe(table: TableName, signal: AbortSignal): Promise<SideTable | undefined> {
    const { rows } = await this.#ask(describeStatement(table), signal);
    const [row] = rows;
    if (row === undefined) return undefined;
    return sideTable(table, {
      kind: text(row, 'kind'),
      encoding: text(row, 'encoding'),
      rowSecurity: truth(row, 'row_security'),
      bytes: integer(row, 'bytes'),
      columns: json(row, 'columns') as RawTable['columns'],
      keys: json(row, 'keys') as RawTable['keys'],
    });
  }

  async checkCondition(table: TableName, where: string | undefined, signal: AbortSignal): Promise<void> {
    if (where === undefined) return;
    try {
      await this.#database.transaction(conditionStatements(table, where), signal);
    } catch (error) {
      if (!(error instanceof FarshoreError) || !CONDITION_STATES.test(String(error.facts.sqlState ?? ''))) throw error;
      const message = `The condition of table ${table.schema}.${table.table} cannot be run: ${error.message}`;
      throw new FarshoreError('table_unmappable', message, {
        cause: error,
        place: `table ${table.schema}.${table.table}`,
        hint: 'Mend `source.where` of its entry in `apply.tables`.',
      });
    }
  }

  async boundaries(
    table: ComparedTable,
    range: KeyRange,
    asked: { readonly rowsPerRange: number; readonly limit: number },
    signal: AbortSignal,
  ): Promise<Answered<readonly Key[]>> {
    const { rows, bytes } = await this.#ask(boundariesStatement(table, this.side, range, asked), signal);
    return { value: rows.map((row) => keyOf(table, row)), bytes };
  }

  async rangeDigests(
    table: ComparedTable,
    ranges: readonly KeyRange[],
    rowLimit: number,
    signal: AbortSignal,
  ): Promise<Answered<readonly RangeDigest[]>> {
    if (ranges.length === 0) return { value: [], bytes: 0 };
    const statements = ranges.map((range) => rangeDigestStatement(table, this.side, range, rowLimit));
    const results = await this.#database.transaction(statements, signal);
    const rows = results.flatMap((result) => result.rows);
    const value = rows.map((row) => {
      const count = integer(row, 'rows');
      return { rows: count, digest: text(row, 'digest'), overLimit: count > rowLimit };
    });
    return { value, bytes: bytesOf(rows) };
  }

  async rowDigests(table: ComparedTable, range: KeyRange, limit: number, signal: AbortSignal): Promise<Answered<readonly RowDigest[]>> {
    const { rows, bytes } = await this.#ask(rowDigestsStatement(table, this.side, range, limit), signal);
    return { value: rows.map((row) => ({ key: keyOf(table, row), digest: text(row, 'digest') })), bytes };
  }

  async look(table: ComparedTable, keys: readonly Key[], signal: AbortSignal): Promise<Answered<readonly RowLook[]>> {
    if (keys.length === 0) return { value: [], bytes: 0 };
    const { rows, bytes } = await this.#ask(lookStatement(table, this.side, keys), signal);
    if (rows.length !== keys.length) {
      throw new FarshoreError('internal', `${keys.length} keys of ${table[this.side].table.table} are those of ${rows.length} rows.`);
    }
    return { value: rows.map((row) => rowLook(table, row)), bytes };
  }

  async position(signal: AbortSignal): Promise<ServerPosition> {
    const { rows } = await this.#ask(positionStatement, signal);
    const row = rows[0]!;
    const told = optionalText(row, 'told') === undefined ? undefined : (json(row, 'told') as ServerPosition['told']);
    return { standby: truth(row, 'standby'), lsn: text(row, 'lsn'), nowMs: integer(row, 'now_ms'), told };
  }

  async #ask(statement: Statement, signal: AbortSignal): Promise<{ readonly rows: readonly TextRow[]; readonly bytes: number }> {
    const { rows } = await this.#database.query(statement, signal);
    return { rows, bytes: bytesOf(rows) };
  }
}

const keyOf = ({ key }: ComparedTable, row: TextRow): Key => key.map((_column, index) => text(row, `k${index}`));

const absent: RowLook = { present: false, digest: undefined, columnDigests: new Map(), xmin: undefined, version: undefined };

export function rowLook({ columns }: ComparedTable, row: TextRow): RowLook {
  if (!truth(row, 'present')) return absent;
  return {
    present: true,
    digest: text(row, 'digest'),
    columnDigests: new Map(columns.map(({ name }, index) => [name, text(row, `c${index}`)])),
    xmin: text(row, 'xmin'),
    version: optionalText(row, 'version'),
  };
}

/** A row has 7 bytes around it, and 4 before each value. */
function bytesOf(rows: readonly TextRow[]): number {
  let bytes = 0;
  for (const row of rows) {
    bytes += 7;
    for (const value of Object.values(row)) bytes += 4 + (value === null ? 0 : Buffer.byteLength(value));
  }
  return bytes;
}

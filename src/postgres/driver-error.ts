import pg from 'pg';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { sqlStateMeaning } from './sqlstate.ts';

/** Whether a failed transaction can have been committed all the same. */
export type Outcome = 'not_applied' | 'unknown';

// Class 22 quotes the value it could not take, which may be personal data: it stays in the record.
const withoutValues = (sqlState: string, message: string): string =>
  sqlState.startsWith('22') ? message.replace(/".*"/s, '"…"') : message;

/** Whether the session is gone or useless after this error: everything that is not a plain refusal by the server. */
export function sessionIsLost(error: unknown): boolean {
  if (error instanceof FarshoreError) return false;
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return true;
  return sqlStateMeaning(error.code, error.routine).sessionLost;
}

/**
 * The FarshoreError for what the driver threw. A refusal by the server is told by its SQLSTATE, which
 * is in the facts (`sqlState`) with table, column and constraint where the server names them; anything
 * else is a lost connection. (An EPIPE looks like a SQLSTATE, so the class of the error decides, not its code.)
 */
export function databaseError(error: unknown, outcome?: Outcome): FarshoreError {
  const facts = outcome === undefined ? {} : { outcome };
  const own = findFarshoreError(error);
  if (own !== undefined) {
    return outcome === undefined
      ? own
      : new FarshoreError(own.code, own.message, {
          cause: own,
          facts: { ...own.facts, ...facts },
          ...(own.hint === undefined ? {} : { hint: own.hint }),
          ...(own.place === undefined ? {} : { place: own.place }),
        });
  }
  if (error instanceof pg.DatabaseError && error.code !== undefined) {
    const { code, routine, schema, table, column, constraint } = error;
    const meaning = sqlStateMeaning(code, routine);
    return new FarshoreError(meaning.code, withoutValues(code, error.message), {
      cause: error,
      ...(table === undefined ? {} : { place: `table ${schema ?? '?'}.${table}` }),
      facts: {
        sqlState: code,
        ...(meaning.action === 'reject' ? { rowAtFault: true } : {}),
        ...facts,
        ...(table === undefined ? {} : { table: `${schema ?? '?'}.${table}` }),
        ...(column === undefined ? {} : { column }),
        ...(constraint === undefined ? {} : { constraint }),
      },
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new FarshoreError('database_unreachable', `No connection to the database: ${message}`, { cause: error, facts });
}

/** The error of a row of farshore.try_calls, as the driver would have thrown it. */
export function refusalOf(row: Readonly<Record<string, unknown>>): FarshoreError {
  const sqlState = String(row.sql_state);
  const { code } = sqlStateMeaning(sqlState);
  const named = (column: string) => (typeof row[column] === 'string' && row[column] !== '' ? String(row[column]) : undefined);
  const [schema, name, column, constraint] = ['schema_name', 'table_name', 'column_name', 'constraint_name'].map(named);
  const table = name === undefined ? undefined : `${schema ?? '?'}.${name}`;
  return new FarshoreError(code, withoutValues(sqlState, String(row.message)), {
    ...(table === undefined ? {} : { place: `table ${table}` }),
    facts: {
      ...{ sqlState, rowAtFault: true, outcome: 'not_applied' },
      ...(table === undefined ? {} : { table }),
      ...(column === undefined ? {} : { column }),
      ...(constraint === undefined ? {} : { constraint }),
    },
  });
}

import type { ErrorAction, ErrorCode } from '../model/errors.ts';

/** What a refusal by PostgreSQL means: `reject` is one row's fault, `stop` the table's, `retry` nobody's. */
export interface SqlStateMeaning {
  readonly action: ErrorAction;
  readonly code: ErrorCode;
  /** The session itself is of no use any more: close it, do not hand it out again. */
  readonly sessionLost: boolean;
}

const retry: SqlStateMeaning = { action: 'retry', code: 'database_unreachable', sessionLost: false };
const reconnect: SqlStateMeaning = { action: 'retry', code: 'database_unreachable', sessionLost: true };
const row: SqlStateMeaning = { action: 'reject', code: 'row_refused', sessionLost: false };
const table: SqlStateMeaning = { action: 'stop', code: 'table_mismatch', sessionLost: false };
const missing: SqlStateMeaning = { action: 'stop', code: 'table_missing', sessionLost: false };
const denied: SqlStateMeaning = { action: 'stop', code: 'database_denied', sessionLost: false };
const credentials: SqlStateMeaning = { action: 'retry', code: 'database_auth_failed', sessionLost: true };
const bug: SqlStateMeaning = { action: 'halt', code: 'internal', sessionLost: false };

/** Full codes that differ from their class. */
const states: Readonly<Record<string, SqlStateMeaning>> = {
  FS001: { action: 'halt', code: 'fenced', sessionLost: false },
  FS003: { action: 'reject', code: 'row_unknown', sessionLost: false },
  // A table is guarded against writers of the region, and the guard does not let the daemon's own role pass.
  FS004: table,
  FS005: bug,
  FS002: { action: 'halt', code: 'position_moved', sessionLost: false },
  // Two rows of one statement hit the same key: the fold should have made one of them.
  '21000': bug,
  // The server closed the session because a transaction idled or ran too long.
  '25P03': reconnect,
  '25P04': reconnect,
  // Writes were sent to a standby, or the server is failing over.
  '25006': reconnect,
  // A prepared statement is unknown or known already: the session changed under us (a transaction pooler).
  '26000': reconnect,
  '42P05': reconnect,
  // A constraint that is checked at commit; the only one of class 40 that comes again with the same rows.
  '40002': row,
  '3D000': reconnect,
  '3F000': missing,
  '42P01': missing,
  '42501': denied,
  '55P03': retry,
  '55006': retry,
  '57014': retry,
};

/** The first two characters: the class. */
const classes: Readonly<Record<string, SqlStateMeaning>> = {
  '08': reconnect,
  '09': row, // a trigger raised
  '0A': table,
  '0B': bug,
  '22': row,
  '23': row,
  '25': bug,
  '27': table, // a trigger changed what the statement is changing
  '28': credentials,
  '2D': table, // a trigger ends the transaction
  '38': row,
  '39': row,
  '40': retry,
  '42': table,
  '44': row, // with check option
  '53': retry,
  '54': row, // index row too large and the like
  '55': table,
  '57': reconnect,
  '58': reconnect,
  HV: retry, // a foreign table
  P0: row, // a trigger raised
};

/** Unknown to the table, corruption and internal errors of the server: stop and show it, never skip and never loop. */
const unknown: SqlStateMeaning = { action: 'stop', code: 'row_refused', sessionLost: false };

/**
 * What to do after an error with this SQLSTATE. `routine` is the server function that raised it: it
 * tells apart the one 0A000 that is nobody's fault, a cached plan outdated by somebody's ALTER TABLE.
 */
export function sqlStateMeaning(sqlState: string, routine?: string): SqlStateMeaning {
  if (sqlState === '0A000' && routine === 'RevalidateCachedQuery') return reconnect;
  return states[sqlState] ?? classes[sqlState.slice(0, 2)] ?? unknown;
}

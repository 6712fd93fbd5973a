import type { ApplyDatabase, Statement, StatementResult } from '../apply/contracts.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import { Connection } from './connection.ts';
import type { DatabaseOptions } from './options.ts';
import type { PipelineResult } from './pipeline.ts';
import { ConnectionPool } from './pool.ts';

/** Oldest server that is supported, as server_version_num counts. */
export const SERVER_FLOOR = 140_000;

/**
 * The regional database: a few connections, used by apply and by everything that is remembered. It
 * connects when first needed. All errors are FarshoreErrors by SQLSTATE (see sqlstate.ts) with the fact
 * `sqlState`; a failed transaction also tells `outcome` (`not_applied` or `unknown`).
 *
 * Rows are text as the server writes it, whatever the type: `"5"`, `"t"`, `"{1,2}"`, or null.
 */
export class Database implements ApplyDatabase {
  readonly #options: () => DatabaseOptions;
  readonly #clock: Clock;
  readonly #pool: ConnectionPool<Connection>;

  /** Options as a function are asked for each connection: credentials may change while it runs, the server may not. */
  constructor(options: DatabaseOptions | (() => DatabaseOptions), clock: Clock) {
    this.#options = typeof options === 'function' ? options : () => options;
    this.#clock = clock;
    this.#pool = new ConnectionPool((signal) => this.connect(signal), this.#options().connections);
  }

  async transaction(statements: readonly Statement[], signal: AbortSignal): Promise<readonly PipelineResult[]> {
    return await this.#pool.use((connection) => connection.transaction(statements, signal), signal);
  }

  async conversation(
    steps: readonly ((answers: readonly StatementResult[]) => readonly Statement[])[],
    signal: AbortSignal,
  ): Promise<readonly PipelineResult[]> {
    return await this.#pool.use((connection) => connection.conversation(steps, signal), signal);
  }

  async query(statement: Statement, signal: AbortSignal): Promise<PipelineResult> {
    const [result] = await this.#pool.use((connection) => connection.run([statement], signal), signal);
    if (result === undefined) throw new FarshoreError('internal', 'The server did not answer a statement.');
    return result;
  }

  /** A connection outside the pool, for a session lock; the caller closes it. */
  async connect(signal: AbortSignal): Promise<Connection> {
    return await Connection.open(this.#options(), this.#clock, signal);
  }

  /**
   * Rejects with `database_unsupported` below the floor or behind a connection pooler, `database_unreachable` when the server
   * does not answer. A pooler that lends a server session for one transaction would let the lease's lock, prepared
   * statements and settings of one session reach another.
   */
  async checkServer(signal: AbortSignal): Promise<void> {
    const { host, port, database } = this.#options().address;
    const place = `database ${database} at ${host}:${port}`;
    const connection = await this.connect(signal);
    try {
      const text = "select current_setting('server_version_num') as version, pg_backend_pid() as pid";
      const [result] = await connection.run([{ text, values: [] }], signal);
      const version = Number(result?.rows[0]?.version);
      if (!(version >= SERVER_FLOOR)) {
        const message = `The server is PostgreSQL ${Math.floor(version / 10_000)}; Farshore needs 14 or newer.`;
        throw new FarshoreError('database_unsupported', message, { place, hint: 'Upgrade the regional database.' });
      }
      if (connection.serverPid !== undefined && Number(result?.rows[0]?.pid) !== connection.serverPid) {
        throw new FarshoreError('database_unsupported', 'A connection pooler stands between Farshore and the database.', {
          place,
          hint: 'Give the address of the server itself: a lease, prepared statements and settings need a session that stays the same.',
        });
      }
    } finally {
      await connection.close();
    }
  }

  /** Idle connections log in anew: after a password or certificate changed. */
  async refresh(): Promise<void> {
    await this.#pool.refresh();
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

import type { ApplyDatabase, Statement } from '../apply/contracts.ts';
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
  readonly #options: DatabaseOptions;
  readonly #clock: Clock;
  readonly #pool: ConnectionPool<Connection>;

  constructor(options: DatabaseOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#pool = new ConnectionPool((signal) => this.connect(signal), options.connections);
  }

  async transaction(statements: readonly Statement[], signal: AbortSignal): Promise<readonly PipelineResult[]> {
    return await this.#pool.use((connection) => connection.transaction(statements, signal), signal);
  }

  async query(statement: Statement, signal: AbortSignal): Promise<PipelineResult> {
    const [result] = await this.#pool.use((connection) => connection.run([statement], signal), signal);
    if (result === undefined) throw new FarshoreError('internal', 'The server did not answer a statement.');
    return result;
  }

  /** A connection outside the pool, for a session lock; the caller closes it. */
  async connect(signal: AbortSignal): Promise<Connection> {
    return await Connection.open(this.#options, this.#clock, signal);
  }

  /** Rejects with `database_unsupported` below the floor, `database_unreachable` when the server does not answer. */
  async checkServer(signal: AbortSignal): Promise<void> {
    const { rows } = await this.query({ text: 'show server_version_num', values: [] }, signal);
    const version = Number(rows[0]?.server_version_num);
    if (version >= SERVER_FLOOR) return;
    const { host, port, database } = this.#options.address;
    throw new FarshoreError(
      'database_unsupported',
      `The server is PostgreSQL ${Math.floor(version / 10_000)}; Farshore needs 14 or newer.`,
      {
        place: `database ${database} at ${host}:${port}`,
        hint: 'Upgrade the regional database.',
      },
    );
  }

  /** Idle connections log in anew: after a password or certificate changed. */
  async refresh(): Promise<void> {
    await this.#pool.refresh();
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

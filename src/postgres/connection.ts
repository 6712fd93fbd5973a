import { Socket } from 'node:net';
import pg from 'pg';
import type { Statement } from '../apply/contracts.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import { OVER } from '../model/time-limit.ts';
import { CopyMemory } from './copy-memory.ts';
import { databaseError, type Outcome, sessionIsLost } from './driver-error.ts';
import { loginHint } from './login-hint.ts';
import { type DatabaseOptions, tlsSettings } from './options.ts';
import { Pipeline, type PipelineFailure, type PipelineResult } from './pipeline.ts';
import { sqlStateMeaning } from './sqlstate.ts';

const KEEP_ALIVE_AFTER_MS = 10_000;

// Text in and out must not depend on what a role or database was configured with.
const sessionSettings = '-c datestyle=ISO,YMD -c timezone=UTC -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex';

// Written out because a role may default to another isolation: the guards are made for read committed,
// where a statement sees what was committed while it waited for a row lock.
const begin: Statement = { name: 'farshore_begin', text: 'begin isolation level read committed read write', values: [] };
const beginReading: Statement = { name: 'farshore_begin_reading', text: 'begin isolation level repeatable read read only', values: [] };
const commit: Statement = { name: 'farshore_commit', text: 'commit', values: [] };
const rollback: Statement = { text: 'rollback', values: [] };

/**
 * One session. Every call takes a signal and has a time limit; when either ends it, or the server stops
 * answering, the socket is destroyed: a client that gave up waiting can never be used again, its answer may
 * still come. After that `broken` is true and every call rejects with `database_unreachable`.
 */
export class Connection {
  readonly #client: pg.Client;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #requestTimeoutMs: number;
  readonly #begin: Statement;
  readonly #prepared = new Map<string, string>();
  readonly #copyMemory = new CopyMemory();
  #lost: unknown;

  private constructor(client: pg.Client, socket: Socket, clock: Clock, options: DatabaseOptions) {
    this.#client = client;
    this.#socket = socket;
    this.#clock = clock;
    this.#requestTimeoutMs = options.requestTimeoutMs;
    this.#begin = options.readOnly === true ? beginReading : begin;
    // Without a listener an idle client whose server goes away would end the process.
    client.on('error', (error) => this.#lose(error));
    client.on('end', () => this.#lose(new Error('the server closed the connection')));
  }

  /** Connects and logs in. Rejects with `database_unreachable`, `database_auth_failed`, or the signal's reason. */
  static async open(options: DatabaseOptions, clock: Clock, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    const { address } = options;
    const socket = new Socket();
    const client = new pg.Client({
      host: address.host,
      port: address.port,
      user: address.user,
      database: address.database,
      password: () => passwordFor(options),
      ssl: tlsSettings(options),
      sslnegotiation: 'postgres',
      stream: () => socket,
      application_name: options.applicationName,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
      statement_timeout: options.statementTimeoutMs,
      lock_timeout: options.lockTimeoutMs,
      idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs,
      options: options.readOnly === true ? `${sessionSettings} -c default_transaction_read_only=on` : sessionSettings,
    });
    const connection = new Connection(client, socket, clock, options);
    try {
      await connection.#limited(client.connect(), options.connectTimeoutMs, signal);
      return connection;
    } catch (error) {
      connection.destroy();
      if (signal.aborted) throw signal.reason;
      throw atServer(databaseError(error, 'not_applied'), options);
    }
  }

  /** The server process this session was told at the login; a pooler in between tells a number of its own. */
  get serverPid(): number | undefined {
    const { processID } = this.#client as pg.Client & { readonly processID?: number | null };
    return processID ?? undefined;
  }

  get broken(): boolean {
    return this.#lost !== undefined;
  }

  /** Runs statements in one round trip, not in a transaction of their own. Rejects with the mapped FarshoreError. */
  async run(statements: readonly Statement[], signal: AbortSignal): Promise<readonly PipelineResult[]> {
    const { results, failure } = await this.#pipeline(statements, signal);
    if (failure === undefined) return results;
    if (signal.aborted) throw signal.reason;
    throw databaseError(failure.error);
  }

  /**
   * Begin, the statements, commit: one round trip, all or nothing. Resolved means committed. Rejected
   * carries the fact `outcome`: `not_applied` when that is proven, `unknown` when the answer to commit was
   * lost. An aborted signal rejects with its reason, and then the outcome is unknown too.
   */
  async transaction(statements: readonly Statement[], signal: AbortSignal): Promise<readonly PipelineResult[]> {
    const { results, failure } = await this.#pipeline([this.#begin, ...statements, commit], signal);
    const committed = results.at(-1);
    if (results.length === statements.length + 2) {
      if (committed?.command === 'COMMIT') return results.slice(1, -1);
      throw new FarshoreError('internal', `The server answered ${JSON.stringify(committed?.command)} to commit.`);
    }
    if (failure === undefined) throw new FarshoreError('internal', 'The server answered fewer statements than were sent.');
    if (!this.broken) await this.#rollback();
    if (signal.aborted) throw signal.reason;
    throw databaseError(failure.error, transactionOutcome(failure, statements.length + 1));
  }

  /** One transaction in several round trips; see `ApplyDatabase.conversation`. */
  async conversation(
    steps: readonly ((answers: readonly PipelineResult[]) => readonly Statement[])[],
    signal: AbortSignal,
  ): Promise<readonly PipelineResult[]> {
    let answers: readonly PipelineResult[] = [];
    for (const [index, step] of steps.entries()) {
      let asked: readonly Statement[];
      try {
        asked = step(answers);
      } catch (error) {
        if (!this.broken && index > 0) await this.#rollback();
        throw error;
      }
      const last = index === steps.length - 1;
      const statements = [...(index === 0 ? [this.#begin] : []), ...asked, ...(last ? [commit] : [])];
      if (statements.length === 0) continue;
      const { results, failure } = await this.#pipeline(statements, signal);
      if (failure !== undefined || results.length < statements.length) {
        if (!this.broken) await this.#rollback();
        if (signal.aborted) throw signal.reason;
        if (failure === undefined) throw new FarshoreError('internal', 'The server answered fewer statements than were sent.');
        throw databaseError(failure.error, last ? transactionOutcome(failure, statements.length - 1) : 'not_applied');
      }
      answers = results;
    }
    return answers;
  }

  /** Runs a script of several statements by the simple protocol: no parameters, one implicit transaction unless it says otherwise. */
  async script(text: string, signal: AbortSignal): Promise<void> {
    this.#assertUsable();
    signal.throwIfAborted();
    try {
      await this.#limited(this.#client.query(text), this.#requestTimeoutMs, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (sessionIsLost(error)) this.destroy(error);
      throw databaseError(error);
    }
  }

  /** Calls `ring` for each notice on a channel that this session listens to. What it answers waits: it rejects when the session is lost, or with the signal's reason. */
  noticed(channel: string, ring: () => void): (signal: AbortSignal) => Promise<never> {
    this.#client.on('notification', (notice) => {
      if (notice.channel === channel) ring();
    });
    const { promise: lost, reject } = Promise.withResolvers<never>();
    this.#socket.once('close', () => reject(databaseError(this.#lost ?? new Error('the connection was closed'), 'not_applied')));
    // Nobody may wait for it yet.
    lost.catch(() => undefined);
    return async (signal) => {
      signal.throwIfAborted();
      const { promise: stopped, reject: stop } = Promise.withResolvers<never>();
      const onAbort = () => stop(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        return await Promise.race([lost, stopped]);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    };
  }

  /** Says goodbye to the server and closes. Never rejects; a server that does not answer is not waited for. */
  async close(): Promise<void> {
    if (this.broken) return;
    this.#lost = new Error('the connection was closed');
    const ended = this.#client.end();
    const limit = new AbortController();
    const timer = this.#clock.sleep(1_000, limit.signal).then(
      () => this.#socket.destroy(),
      () => undefined,
    );
    await ended;
    limit.abort();
    await timer;
  }

  /** Drops the connection without a word: the server finds out by itself. */
  destroy(reason: unknown = new Error('the connection was given up')): void {
    this.#lose(reason);
  }

  #lose(reason: unknown): void {
    this.#lost ??= reason;
    this.#socket.destroy();
  }

  #assertUsable(): void {
    if (this.broken) throw databaseError(this.#lost, 'not_applied');
  }

  async #pipeline(
    statements: readonly Statement[],
    signal: AbortSignal,
  ): Promise<{ readonly results: readonly PipelineResult[]; readonly failure: PipelineFailure | undefined }> {
    this.#assertUsable();
    signal.throwIfAborted();
    const { promise: settled, resolve } = Promise.withResolvers<PipelineFailure | undefined>();
    const pipeline = new Pipeline(statements, this.#prepared, resolve, this.#copyMemory);
    this.#client.query(pipeline);
    let failure: PipelineFailure | undefined;
    try {
      failure = await this.#limited(settled, this.#requestTimeoutMs, signal);
    } catch (error) {
      failure = { error, completed: pipeline.results.length, sent: true };
    }
    if (failure !== undefined && sessionIsLost(failure.error)) this.destroy(failure.error);
    return { results: pipeline.results, failure };
  }

  /** The failed transaction is still open in the session; a session that will not roll back is of no use. */
  async #rollback(): Promise<void> {
    const { failure } = await this.#pipeline([rollback], new AbortController().signal);
    if (failure !== undefined) this.destroy(failure.error);
  }

  /** Waits for `work`; on the time limit or an aborted signal the connection is destroyed and this rejects at once. */
  async #limited<T>(work: Promise<T>, timeoutMs: number, signal: AbortSignal): Promise<T> {
    const done = new AbortController();
    let giveUp: (reason: unknown) => void = () => undefined;
    const gaveUp = new Promise<never>((_resolve, reject) => {
      giveUp = (reason) => {
        this.destroy(reason);
        reject(reason);
      };
    });
    const onAbort = () => giveUp(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const timer = this.#clock.sleep(timeoutMs, done.signal).then(
      () => giveUp(new Error(`no answer in ${timeoutMs} ms`)),
      () => undefined,
    );
    try {
      return await Promise.race([work, gaveUp]);
    } finally {
      done.abort(OVER);
      signal.removeEventListener('abort', onAbort);
      await timer;
    }
  }
}

/**
 * Statements before commit had not all answered: the server stops at the first error, so commit was never
 * run. While commit ran: a plain refusal (a deferred constraint) rolls back, a session that ends there may
 * have committed before it ended. Without an answer at all nothing is known once bytes were sent.
 */
function transactionOutcome(failure: PipelineFailure, commitIndex: number): Outcome {
  if (!failure.sent) return 'not_applied';
  const { error, completed } = failure;
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return 'unknown';
  if (completed < commitIndex) return 'not_applied';
  return sqlStateMeaning(error.code, error.routine).sessionLost ? 'unknown' : 'not_applied';
}

async function passwordFor({ password, address }: DatabaseOptions): Promise<string> {
  const text = password === undefined ? address.password : await password();
  if (text === undefined || text === '') {
    throw new FarshoreError('database_auth_failed', 'The database asks for a password and none is configured.', {
      hint: 'Set the password in the address or its urlFile.',
    });
  }
  return text;
}

function atServer(error: FarshoreError, { address }: DatabaseOptions): FarshoreError {
  const hint = error.hint ?? loginHint(error);
  return new FarshoreError(error.code, error.message, {
    cause: error,
    place: `database ${address.database} at ${address.host}:${address.port}`,
    facts: error.facts,
    ...(hint === undefined ? {} : { hint }),
  });
}

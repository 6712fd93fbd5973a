import { FarshoreError } from '../model/errors.ts';

/** What the pool must know of a connection. */
export interface Pooled {
  readonly broken: boolean;
  close(): Promise<void>;
}

interface Waiter {
  readonly go: () => void;
}

/** At most `size` connections, opened when needed; who comes first is served first. A broken one is never handed out. */
export class ConnectionPool<C extends Pooled> {
  readonly #open: (signal: AbortSignal) => Promise<C>;
  readonly #size: number;
  readonly #idle: C[] = [];
  readonly #lent = new Set<C>();
  /** Logged in before the last refresh, and at work since. */
  readonly #outdated = new WeakSet<C>();
  readonly #waiters: Waiter[] = [];
  #used = 0;
  #refreshes = 0;
  #closed = false;

  constructor(open: (signal: AbortSignal) => Promise<C>, size: number) {
    this.#open = open;
    this.#size = size;
  }

  /** Lends a connection to `work`. Rejects with the signal's reason while waiting for one, or with what `work` throws. */
  async use<T>(work: (connection: C) => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal);
    let connection: C | undefined;
    try {
      connection = this.#takeIdle() ?? (await this.#openNew(signal));
      this.#lent.add(connection);
      return await work(connection);
    } finally {
      await this.#leave(connection);
    }
  }

  /** Closes idle connections now and lent ones when they come back; later calls reject. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.refresh();
  }

  /** Closes idle connections now and lent ones when they come back, so that the next ones log in anew with the credentials of that moment. */
  async refresh(): Promise<void> {
    this.#refreshes++;
    for (const connection of this.#lent) this.#outdated.add(connection);
    await Promise.all(this.#idle.splice(0).map((connection) => connection.close()));
  }

  async #openNew(signal: AbortSignal): Promise<C> {
    const refreshes = this.#refreshes;
    const connection = await this.#open(signal);
    // It may have logged in as one did before.
    if (refreshes !== this.#refreshes) this.#outdated.add(connection);
    return connection;
  }

  #takeIdle(): C | undefined {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (!connection.broken) return connection;
    }
    return undefined;
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#closed) throw new FarshoreError('database_unreachable', 'The connections to the database were closed.');
    if (this.#used < this.#size) {
      this.#used++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        go: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /** Gives the place to the next in line; `#used` stays as it is then. */
  async #leave(connection: C | undefined): Promise<void> {
    if (connection !== undefined) this.#lent.delete(connection);
    const ends = this.#closed || (connection !== undefined && this.#outdated.has(connection));
    if (connection !== undefined && !connection.broken && !ends) this.#idle.push(connection);
    const next = this.#waiters.shift();
    if (next === undefined) this.#used--;
    else next.go();
    if (connection !== undefined && ends) await connection.close();
  }
}

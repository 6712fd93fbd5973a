import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { Connection } from '@platformatic/kafka';
import type { Clock } from '../model/clock.ts';
import { failedConnection, failedRequest } from './connection-failure.ts';
import { KafkaError } from './errors.ts';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  /** A function is asked at each login, so that a changed secret file is used without a restart. */
  readonly password: string | (() => string);
}

export interface ConnectionSettings {
  /** Names the cluster in messages: `primary us-east`. */
  readonly name: string;
  readonly clientId: string;
  readonly tls?: TlsOptions | undefined;
  readonly sasl?: SaslOptions | undefined;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
}

/**
 * What a connection is used for. A broker answers one connection's requests one after the other, so
 * a fetch that waits for data would hold up whatever shares its socket: `fetch` calls never share
 * one while it is in use, `produce` and `control` each have one socket a broker, where order is kept.
 */
export type Purpose = 'fetch' | 'produce' | 'control';

/** One request, or several pipelined ones, on a connection. */
export type BrokerCall<T> = (connection: Connection) => Promise<T>;

interface Lane {
  readonly connection: Connection;
  readonly ready: Promise<void>;
  calls: number;
}

/** Enough for a few stages reading side by side; beyond it fetches wait for one another. */
const MAX_FETCH_SOCKETS = 8;
/** The client queues what is above it; a produce pipeline of many partitions stays below. */
const MAX_INFLIGHT_REQUESTS = 256;
const FIRST_BACK_OFF_MS = 100;
const MAX_BACK_OFF_MS = 5_000;

const mechanisms = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const;

/**
 * The sockets to one broker. They are opened on demand and forgotten on any failure but an answer:
 * after a time-out the client cannot tell a late answer from the next one. After a failed attempt
 * the next one waits, twice as long each time, so that a dead broker is not flooded.
 */
export class BrokerConnections {
  readonly #settings: ConnectionSettings;
  readonly #address: BrokerAddress;
  readonly #lanes: Record<Purpose, Set<Lane>> = { fetch: new Set(), produce: new Set(), control: new Set() };
  #failures = 0;
  #attemptAtMs = 0;
  #closed = false;

  constructor(settings: ConnectionSettings, address: BrokerAddress) {
    this.#settings = settings;
    this.#address = address;
  }

  get address(): BrokerAddress {
    return this.#address;
  }

  /** Milliseconds until the next attempt to connect; 0 when there is nothing to wait for. */
  get backOffMs(): number {
    return Math.max(0, this.#attemptAtMs - this.#settings.clock.monotonicMs());
  }

  /**
   * Runs `call` on a connection for `purpose`. Rejects with the signal's reason, or with a KafkaError:
   * `unreachable` and `auth` say that nothing was sent, `unknown_outcome` that the connection was lost
   * or silent after it was. An error that a broker answered passes through as the client made it.
   */
  async run<T>(purpose: Purpose, call: BrokerCall<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const backOffMs = this.backOffMs;
    if (backOffMs > 0) await this.#settings.clock.sleep(backOffMs, signal);
    if (this.#closed) throw this.#closedError();
    const lane = this.#take(purpose);
    lane.calls++;
    try {
      await untilAborted(lane.ready, signal);
      const answered = call(lane.connection);
      // Nobody reads a fetch that was given up, and whoever comes next would wait behind it.
      const abandon = purpose === 'fetch' ? () => this.#drop(purpose, lane) : undefined;
      return await untilAborted(answered, signal, abandon);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw this.#failed(purpose, lane, error);
    } finally {
      lane.calls--;
    }
  }

  /** Closes sockets at once: what is in flight on them rejects as `unknown_outcome` (C9). */
  drop(purpose?: Purpose): void {
    for (const name of ['fetch', 'produce', 'control'] as const) {
      if (purpose !== undefined && purpose !== name) continue;
      for (const lane of [...this.#lanes[name]]) this.#drop(name, lane);
    }
  }

  close(): void {
    this.#closed = true;
    this.drop();
  }

  #take(purpose: Purpose): Lane {
    const lanes = this.#lanes[purpose];
    let least: Lane | undefined;
    for (const lane of lanes) if (least === undefined || lane.calls < least.calls) least = lane;
    const mayOpen = least === undefined || (purpose === 'fetch' && least.calls > 0 && lanes.size < MAX_FETCH_SOCKETS);
    if (least !== undefined && !mayOpen) return least;
    const opened = this.#open(purpose);
    lanes.add(opened);
    return opened;
  }

  #open(purpose: Purpose): Lane {
    const { clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs } = this.#settings;
    const connection = new Connection(clientId, {
      connectTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      maxInflights: MAX_INFLIGHT_REQUESTS,
      ...(tls === undefined ? {} : { tls }),
      ...(sasl === undefined ? {} : { sasl: { mechanism: mechanisms[sasl.mechanism], username: sasl.username, password: sasl.password } }),
    });
    const ready = this.#connect(connection);
    const lane: Lane = { connection, ready, calls: 0 };
    connection.on('close', () => this.#drop(purpose, lane));
    connection.on('error', () => this.#drop(purpose, lane));
    // Whoever waits for the lane sees the failure; without a waiter it is no unhandled rejection.
    ready.catch(() => this.#drop(purpose, lane));
    return lane;
  }

  async #connect(connection: Connection): Promise<void> {
    const { host, port } = this.#address;
    try {
      await connection.connect(host, port);
      this.#failures = 0;
      this.#attemptAtMs = 0;
    } catch (error) {
      const backOffMs = Math.min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** this.#failures);
      this.#failures++;
      this.#attemptAtMs = this.#settings.clock.monotonicMs() + backOffMs;
      throw failedConnection(`${this.#settings.name}: broker ${host}:${port}`, error);
    }
  }

  #failed(purpose: Purpose, lane: Lane, error: unknown): unknown {
    const { host, port } = this.#address;
    const failure = failedRequest(`${this.#settings.name}: broker ${host}:${port}`, error);
    if (failure instanceof KafkaError && (failure.kind === 'unknown_outcome' || failure.kind === 'unreachable')) this.#drop(purpose, lane);
    return failure;
  }

  #drop(purpose: Purpose, lane: Lane): void {
    if (!this.#lanes[purpose].delete(lane)) return;
    // The client's close flushes what is unsent, which a cut network never takes, and clears its
    // login timer; destroying the socket makes everything in flight reject now.
    void lane.connection.close().catch(() => undefined);
    lane.connection.socket?.destroy();
  }

  #closedError(): KafkaError {
    return new KafkaError('unreachable', 'NO_CONNECTION', `${this.#settings.name}: the connections were closed`);
  }
}

/** Settles with `work`, or rejects with the signal's reason as soon as it is aborted. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal, onAbort?: () => void): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined);
    onAbort?.();
    return Promise.reject(signal.reason);
  }
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason);
      onAbort?.();
    };
    signal.addEventListener('abort', abort, { once: true });
    work.then(
      (value) => {
        signal.removeEventListener('abort', abort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abort);
        reject(error);
      },
    );
  });
}

import { Connection, NetworkError } from '@platformatic/kafka';
import type { BrokerAddress } from './broker-address.ts';
import { failedConnection, failedRequest } from './connection-failure.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import { KafkaError } from './errors.ts';
import { clientSasl } from './login.ts';
import { untilAborted } from './until-aborted.ts';

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
  /** From this moment on another one is opened, which takes its place as soon as nothing is in flight on it. */
  retireAtMs: number;
  /** From this moment on it is not used for anything new, whether another one could be opened or not. */
  endsAtMs: number;
  successor: Lane | undefined;
  successorFailures: number;
  successorAtMs: number;
  isOpen: boolean;
  lostBy: unknown;
}

/** Enough for a few stages reading side by side; beyond it fetches wait for one another. */
const MAX_FETCH_SOCKETS = 8;
/** The client queues what is above it; a produce pipeline of many partitions stays below. */
const MAX_INFLIGHT_REQUESTS = 256;
const FIRST_BACK_OFF_MS = 100;
const MAX_BACK_OFF_MS = 5_000;

/**
 * A broker that limits sessions closes the connection at the end of one. From half of it on there is time enough to log in anew,
 * to try again where that is refused, and to find a moment in which nothing is in flight.
 */
const RETIRE_SHARE = 0.5;
const END_SHARE = 0.9;

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
      this.#replaceIfIdle(purpose, lane);
    }
  }

  /** Closes sockets at once: what is in flight on them rejects as `unknown_outcome` (C9). */
  drop(purpose?: Purpose): void {
    for (const name of ['fetch', 'produce', 'control'] as const) {
      if (purpose !== undefined && purpose !== name) continue;
      for (const lane of [...this.#lanes[name]]) this.#drop(name, lane);
    }
  }

  /**
   * Replaces every connection, with the credentials of that moment, as soon as another one is open and nothing is in flight on it:
   * nothing is lost, and the order of what is sent on one stays.
   */
  renew(): void {
    const nowMs = this.#settings.clock.monotonicMs();
    for (const name of ['fetch', 'produce', 'control'] as const) {
      for (const lane of [...this.#lanes[name]]) {
        lane.retireAtMs = nowMs;
        // One that is being opened shows the credentials of before.
        if (lane.successor !== undefined) destroy(lane.successor);
        lane.successor = undefined;
        lane.successorFailures = 0;
        lane.successorAtMs = nowMs;
        this.#prepareSuccessor(name, lane);
      }
    }
    // What was refused may be welcome now.
    this.#attemptAtMs = 0;
    this.#failures = 0;
  }

  close(): void {
    this.#closed = true;
    this.drop();
  }

  #take(purpose: Purpose): Lane {
    const lanes = this.#lanes[purpose];
    let least: Lane | undefined;
    for (const lane of [...lanes]) {
      const usable = this.#replaceIfIdle(purpose, lane);
      if (usable !== undefined && (least === undefined || usable.calls < least.calls)) least = usable;
    }
    const mayOpen = least === undefined || (purpose === 'fetch' && least.calls > 0 && lanes.size < MAX_FETCH_SOCKETS);
    if (least !== undefined && !mayOpen) return least;
    const opened = this.#open(purpose);
    lanes.add(opened);
    // Whoever waits for the lane sees the failure; without a waiter it is no unhandled rejection.
    opened.ready.then(
      () => {
        this.#failures = 0;
        this.#attemptAtMs = 0;
      },
      () => {
        this.#attemptAtMs = this.#settings.clock.monotonicMs() + backOff(this.#failures++);
        this.#drop(purpose, opened);
      },
    );
    return opened;
  }

  /**
   * What to use in the lane's place: itself while it is young, has something in flight, or nothing else is open yet; undefined once it
   * has ended. A session that is replaced before it ends survives a password that the broker knows before the daemon does.
   */
  #replaceIfIdle(purpose: Purpose, lane: Lane): Lane | undefined {
    const nowMs = this.#settings.clock.monotonicMs();
    if (nowMs < lane.retireAtMs || !this.#lanes[purpose].has(lane)) return lane;
    this.#prepareSuccessor(purpose, lane);
    if (lane.calls > 0) return lane;
    const { successor } = lane;
    if (successor?.isOpen === true) {
      lane.successor = undefined;
      this.#drop(purpose, lane);
      this.#lanes[purpose].add(successor);
      return successor;
    }
    if (nowMs < lane.endsAtMs) return lane;
    this.#drop(purpose, lane);
    return undefined;
  }

  #prepareSuccessor(purpose: Purpose, lane: Lane): void {
    const { clock, observeNotRenewed } = this.#settings;
    if (lane.successor !== undefined || clock.monotonicMs() < lane.successorAtMs) return;
    const successor = this.#open(purpose);
    lane.successor = successor;
    successor.ready.then(
      () => {
        if (lane.successor === successor && this.#lanes[purpose].has(lane)) this.#replaceIfIdle(purpose, lane);
        else destroy(successor);
      },
      (error: unknown) => {
        if (lane.successor !== successor) return;
        lane.successor = undefined;
        lane.successorAtMs = clock.monotonicMs() + backOff(lane.successorFailures++);
        if (lane.successorFailures === 1 && error instanceof KafkaError) observeNotRenewed?.(error);
      },
    );
  }

  #open(purpose: Purpose): Lane {
    const { clientId, credentials, connectTimeoutMs, requestTimeoutMs, clock } = this.#settings;
    const { tls, sasl } = credentials?.() ?? {};
    const onSession = (lifetimeMs: number): void => {
      if (lifetimeMs <= 0) return;
      const nowMs = clock.monotonicMs();
      lane.retireAtMs = Math.min(lane.retireAtMs, nowMs + lifetimeMs * RETIRE_SHARE);
      lane.endsAtMs = nowMs + lifetimeMs * END_SHARE;
    };
    const connection = new Connection(clientId, {
      connectTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      maxInflights: MAX_INFLIGHT_REQUESTS,
      ...(tls === undefined ? {} : { tls }),
      ...(sasl === undefined ? {} : { sasl: clientSasl(sasl, onSession) }),
    });
    const lane: Lane = {
      connection,
      ready: this.#connect(connection).then(() => {
        lane.isOpen = true;
      }),
      calls: 0,
      retireAtMs: Number.POSITIVE_INFINITY,
      endsAtMs: Number.POSITIVE_INFINITY,
      successor: undefined,
      successorFailures: 0,
      successorAtMs: 0,
      isOpen: false,
      lostBy: undefined,
    };
    connection.on('close', () => this.#lost(purpose, lane));
    connection.on('error', (error: unknown) => {
      // What waits for an answer only hears that the connection closed.
      lane.lostBy = error;
      this.#lost(purpose, lane);
    });
    return lane;
  }

  async #connect(connection: Connection): Promise<void> {
    const { host, port } = this.#address;
    try {
      await connection.connect(host, port);
    } catch (error) {
      throw failedConnection(`${this.#settings.name}: broker ${host}:${port}`, error);
    }
  }

  /** A lane in use, or one that waits to take another's place. One that never opened is known by its `ready`. */
  #lost(purpose: Purpose, lane: Lane): void {
    if (!lane.isOpen) return;
    lane.isOpen = false;
    for (const one of this.#lanes[purpose]) if (one.successor === lane) one.successor = undefined;
    this.#drop(purpose, lane);
  }

  #failed(purpose: Purpose, lane: Lane, error: unknown): unknown {
    const { host, port } = this.#address;
    const failure = failedRequest(`${this.#settings.name}: broker ${host}:${port}`, isLoss(error) ? (lane.lostBy ?? error) : error);
    if (failure instanceof KafkaError && (failure.kind === 'unknown_outcome' || failure.kind === 'unreachable')) this.#drop(purpose, lane);
    return failure;
  }

  #drop(purpose: Purpose, lane: Lane): void {
    if (!this.#lanes[purpose].delete(lane)) return;
    if (lane.successor !== undefined) destroy(lane.successor);
    destroy(lane);
  }

  #closedError(): KafkaError {
    return new KafkaError('unreachable', 'NO_CONNECTION', `${this.#settings.name}: the connections were closed`);
  }
}

const backOff = (failures: number): number => Math.min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** failures);

/**
 * The client's close flushes what is unsent, which a cut network never takes, and clears its login timer; destroying the socket
 * makes everything in flight reject now.
 */
function destroy({ connection }: Lane): void {
  void connection.close().catch(() => undefined);
  connection.socket?.destroy();
}

const isLoss = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === NetworkError.code;

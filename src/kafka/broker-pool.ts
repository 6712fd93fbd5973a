import { addressKey, type BrokerAddress } from './broker-address.ts';
import { type BrokerCall, BrokerConnections, type Purpose } from './connection.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import { KafkaError } from './errors.ts';
import { asKafkaError } from './partial-answer.ts';

export interface BrokerPoolOptions {
  readonly settings: ConnectionSettings;
  /** Where to ask first. */
  readonly bootstrap: readonly BrokerAddress[];
  /** The cluster's brokers as it last told them. */
  readonly seen: () => Iterable<BrokerAddress>;
  /** Told when a failure says that what is known of the cluster is old. */
  readonly foundStale: () => void;
  /** Told when the cluster begins or ceases to answer. */
  readonly observeUp?: ((up: boolean, reason?: string) => void) | undefined;
}

/** Connections to the brokers of one cluster, by address, and which of them answer. */
export class BrokerPool {
  readonly #options: BrokerPoolOptions;
  readonly #connections = new Map<string, BrokerConnections>();
  readonly #silent = new Set<string>();
  #up: boolean | undefined;

  constructor(options: BrokerPoolOptions) {
    this.#options = options;
  }

  get #name(): string {
    return this.#options.settings.name;
  }

  /** Milliseconds until a broker that could not be reached is tried again. */
  backOffMs(address: BrokerAddress): number {
    return this.#connectionsTo(address).backOffMs;
  }

  /** One call; a failure that says so makes what is known of the cluster stale. */
  async run<T>(address: BrokerAddress, purpose: Purpose, call: BrokerCall<T>, signal: AbortSignal): Promise<T> {
    const key = addressKey(address);
    try {
      const answer = await this.#connectionsTo(address).run(purpose, call, signal);
      this.#silent.delete(key);
      this.#observe(true);
      return answer;
    } catch (error) {
      const failure = asKafkaError(error, this.#name);
      if (failure instanceof KafkaError) this.#noteFailure(key, failure);
      throw failure;
    }
  }

  /** The first broker that can be reached. Rejects with `cluster_unreachable` naming each broker tried. */
  async withAny<T>(purpose: Purpose, call: BrokerCall<T>, signal: AbortSignal): Promise<T> {
    const failures: KafkaError[] = [];
    for (const address of this.#candidates()) {
      try {
        return await this.run(address, purpose, call, signal);
      } catch (error) {
        if (!(error instanceof KafkaError) || error.kind !== 'unreachable') throw error;
        failures.push(error);
      }
    }
    const reason = failures.map((failure) => failure.message.replace(`${this.#name}: `, '')).join('; ');
    const hint =
      failures.find((failure) => failure.hint !== undefined)?.hint ??
      'Check the brokers of this cluster in the configuration, and the network to them.';
    this.#observe(false, `${reason} · ${hint}`);
    throw new KafkaError('unreachable', 'NO_CONNECTION', `${this.#name}: no broker can be reached: ${reason}`, {
      cause: failures[0],
      hint,
    });
  }

  /** C9: after an unknown outcome nothing more may arrive on the sockets it was sent on. */
  drop(purpose?: Purpose): void {
    for (const connections of this.#connections.values()) connections.drop(purpose);
  }

  renew(): void {
    for (const connections of this.#connections.values()) connections.renew();
  }

  close(): void {
    for (const connections of this.#connections.values()) connections.close();
  }

  /** Closes what leads to addresses that the cluster has no more. */
  forgetOthers(): void {
    const current = new Set([...this.#options.seen(), ...this.#options.bootstrap].map(addressKey));
    for (const [key, connections] of this.#connections) {
      if (current.has(key)) continue;
      connections.close();
      this.#connections.delete(key);
      this.#silent.delete(key);
    }
  }

  #noteFailure(key: string, failure: KafkaError): void {
    if (failure.kind === 'leadership') this.#options.foundStale();
    const { kafkaError } = failure;
    if (kafkaError !== 'NO_CONNECTION' && kafkaError !== 'NO_ANSWER' && kafkaError !== 'CREDENTIALS_REFUSED') return;
    // A leader that does not answer is often none any more.
    this.#options.foundStale();
    this.#silent.add(key);
    const known = [...this.#options.seen()].map(addressKey);
    if (known.length > 0 && known.every((one) => this.#silent.has(one)))
      this.#observe(false, failure.hint === undefined ? failure.message : `${failure.message} · ${failure.hint}`);
  }

  #observe(up: boolean, reason?: string): void {
    if (this.#up === up) return;
    this.#up = up;
    this.#options.observeUp?.(up, reason);
  }

  #connectionsTo(address: BrokerAddress): BrokerConnections {
    const key = addressKey(address);
    let connections = this.#connections.get(key);
    if (connections === undefined) {
      connections = new BrokerConnections(this.#options.settings, address);
      this.#connections.set(key, connections);
    }
    return connections;
  }

  /** Every address known, those that wait out a failure last. */
  #candidates(): BrokerAddress[] {
    const unique = new Map([...this.#options.seen(), ...this.#options.bootstrap].map((address) => [addressKey(address), address]));
    const rank = (address: BrokerAddress): number =>
      this.#connectionsTo(address).backOffMs + (this.#silent.has(addressKey(address)) ? 1 : 0);
    return [...unique.values()].sort((a, b) => rank(a) - rank(b));
  }
}

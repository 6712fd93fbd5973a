import { metadataV12 } from '@platformatic/kafka';
import type { Clock } from '../model/clock.ts';
import { addressKey, type BrokerAddress, brokerAddress } from './broker-address.ts';
import { BrokerPool } from './broker-pool.ts';
import { askVersions, type BrokerVersions, checkVersions, commonVersions } from './cluster-versions.ts';
import type { BrokerCall, Purpose } from './connection.ts';
import type { Credentials } from './connection-settings.ts';
import { type CoordinatorKind, Coordinators } from './coordinators.ts';
import { KafkaError } from './errors.ts';
import { type Leader, MetadataCache, type TopicMetadata } from './metadata.ts';
import { checkOneCluster, type SeenBroker } from './one-cluster.ts';
import { evenWithErrors } from './partial-answer.ts';
import { untilAborted } from './until-aborted.ts';

export interface KafkaClusterOptions {
  /** For messages: `primary us-east`. */
  readonly name: string;
  /** `host:port`, where to ask first. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Where this daemon runs, as the brokers name their racks (`broker.rack`): partitions are read from a replica there where one is. */
  readonly rack?: string | undefined;
  /** Asked for every connection; left out: no TLS and no login. */
  readonly credentials?: (() => Credentials) | undefined;
  /** After this long without an answer a request has an unknown outcome. */
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  /** Told when the cluster begins or ceases to answer. */
  readonly observeUp?: ((up: boolean, reason?: string) => void) | undefined;
  /** Told when new credentials are refused where connections of the old ones stand, which go on until their session ends. */
  readonly observeNotRenewed?: ((error: KafkaError) => void) | undefined;
}

const MAX_CONNECT_MS = 5_000;
/** An election takes a while: asking for metadata more often finds nothing new. */
const MIN_REFRESH_GAP_MS = 100;

/**
 * One Kafka cluster: who leads what, and connections to ask them on. All `with…` functions run one
 * call and reject with a KafkaError; when it says `leadership` or `coordinator`, what was known of it
 * is forgotten, so that asking again asks the right broker. None of them repeats a call by itself.
 */
export class KafkaCluster implements AsyncDisposable {
  readonly #options: KafkaClusterOptions;
  readonly #bootstrap: readonly BrokerAddress[];
  readonly #brokers: BrokerPool;
  readonly #cache = new MetadataCache();
  readonly #coordinators: Coordinators;
  readonly #closing = new AbortController();
  #versions: BrokerVersions | undefined;
  /** Who told the id of the cluster. */
  #seen: SeenBroker | undefined;
  #controllerId = -1;
  #refreshing: Promise<void> | undefined;
  #refreshedAtMs = Number.NEGATIVE_INFINITY;
  #stale = false;

  constructor(options: KafkaClusterOptions) {
    this.#options = options;
    const { name, clientId, credentials, requestTimeoutMs, clock, observeNotRenewed } = options;
    const connectTimeoutMs = Math.min(MAX_CONNECT_MS, requestTimeoutMs);
    this.#bootstrap = options.brokers.map((text) => brokerAddress(name, text));
    this.#brokers = new BrokerPool({
      settings: { name, clientId, credentials, requestTimeoutMs, clock, connectTimeoutMs, observeNotRenewed },
      bootstrap: this.#bootstrap,
      seen: () => this.#cache.brokers.values(),
      foundStale: () => {
        this.#stale = true;
      },
      observeUp: options.observeUp,
    });
    this.#coordinators = new Coordinators({
      name,
      ask: (call, signal) => this.withAnyBroker('control', call, signal),
      found: (brokerId, address) => this.#cache.setBroker(brokerId, address),
    });
  }

  get name(): string {
    return this.#options.name;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  get rack(): string | undefined {
    return this.#options.rack;
  }

  get requestTimeoutMs(): number {
    return this.#options.requestTimeoutMs;
  }

  /** Kafka's own id of the cluster. Known after `connect`. */
  get clusterId(): string {
    if (this.#seen === undefined) throw this.#notConnected();
    return this.#seen.clusterId;
  }

  /** Finalized feature `transaction.version`, 0 when absent (C9). Known after `connect`. */
  get transactionVersion(): number {
    if (this.#versions === undefined) throw this.#notConnected();
    return this.#versions.transactionVersion;
  }

  /** Highest version of a request type that every broker understands; -1 when some broker does not know it. */
  maxVersion(apiKey: number): number {
    if (this.#versions === undefined) throw this.#notConnected();
    return this.#versions.apis.get(apiKey)?.max ?? -1;
  }

  /**
   * Asks the cluster who it is and what it speaks. Rejects with `cluster_unreachable` naming each
   * broker tried, `cluster_auth_failed` or `cluster_unsupported`. May be called again to look anew.
   */
  async connect(signal: AbortSignal): Promise<void> {
    const first = await this.withAnyBroker('control', askVersions, signal);
    checkVersions(this.name, first);
    await this.#askMetadata([], signal);
    await this.#checkBootstrap(signal);
    const others = await Promise.all(
      [...this.#cache.brokers.keys()].map((id) =>
        this.withBroker(id, 'control', askVersions, signal).catch((error: unknown) => {
          // A broker that is down now has no say; it is one of the same cluster's releases.
          if (error instanceof KafkaError && error.kind === 'unreachable') return undefined;
          throw error;
        }),
      ),
    );
    const versions = commonVersions([first, ...others.filter((other) => other !== undefined)]);
    checkVersions(this.name, versions);
    this.#versions = versions;
  }

  /** Fresh metadata of the named topics, or of all. Topics that do not exist are left out; `cluster_denied` names the right that is missing. */
  async topics(names: readonly string[] | 'all', signal: AbortSignal): Promise<readonly TopicMetadata[]> {
    if (names !== 'all' && names.length === 0) return [];
    const topics = await this.#askMetadata(names, signal);
    const denied = names === 'all' ? undefined : names.find((name) => this.#cache.isDenied(name));
    if (denied === undefined) return topics;
    throw new KafkaError('denied', 'TOPIC_AUTHORIZATION_FAILED', `${this.name}: topic ${denied} may not be seen`, {
      place: `topic ${denied}`,
      hint: `Allow Describe on topic ${denied}.`,
    });
  }

  /** Whether the topic may not be seen, as last answered. */
  isDenied(topic: string): boolean {
    return this.#cache.isDenied(topic);
  }

  /** Topic as last seen. */
  knownTopic(topic: string): TopicMetadata | undefined {
    return this.#cache.topic(topic);
  }

  /** Leader as last seen; undefined when the topic was never asked for or the partition has none. */
  leaderOf(topic: string, partition: number): Leader | undefined {
    return this.#cache.leaderOf(topic, partition);
  }

  /** Asks again for every topic known so far. Concurrent calls share one request. */
  async refresh(signal: AbortSignal): Promise<void> {
    await this.#refreshWith([], signal);
  }

  /** Makes the next `ensureTopics` or `withLeader` refresh first. */
  invalidate(): void {
    this.#stale = true;
  }

  /** Fetches metadata where it is missing or was found stale; afterwards `leaderOf` knows what can be known. */
  async ensureTopics(names: Iterable<string>, signal: AbortSignal): Promise<void> {
    const missing = [...new Set(names)].filter((name) => this.#cache.topic(name) === undefined && !this.#cache.isDenied(name));
    if (this.#stale || missing.length > 0) await this.#refreshWith(missing, signal);
  }

  /** Whether the cluster has such a broker, as last seen. */
  hasBroker(brokerId: number): boolean {
    return this.#cache.brokers.has(brokerId);
  }

  /** Milliseconds until a broker that could not be reached is tried again. */
  backOffMs(brokerId: number): number {
    const address = this.#cache.brokers.get(brokerId);
    return address === undefined ? 0 : this.#brokers.backOffMs(address);
  }

  async withBroker<T>(brokerId: number, purpose: Purpose, call: BrokerCall<T>, signal: AbortSignal): Promise<T> {
    const address = this.#cache.brokers.get(brokerId);
    if (address === undefined) {
      this.#stale = true;
      throw new KafkaError('leadership', 'NO_LEADER', `${this.name}: broker ${brokerId} is not one of the cluster's brokers now`);
    }
    return this.#brokers.run(address, purpose, call, signal);
  }

  async withLeader<T>(
    topic: string,
    partition: number,
    purpose: Purpose,
    call: (connection: Parameters<BrokerCall<T>>[0], leader: Leader) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    await this.ensureTopics([topic], signal);
    const leader = this.#cache.leaderOf(topic, partition);
    if (leader === undefined) {
      this.#stale = true;
      throw new KafkaError('leadership', 'NO_LEADER', `${this.name}: ${topic}:${partition} has no leader now`, {
        place: `${topic}:${partition}`,
      });
    }
    return this.withBroker(leader.brokerId, purpose, (connection) => call(connection, leader), signal);
  }

  withCoordinator<T>(kind: CoordinatorKind, key: string, purpose: Purpose, call: BrokerCall<T>, signal: AbortSignal): Promise<T> {
    return this.#coordinators.run(kind, key, (brokerId) => this.withBroker(brokerId, purpose, call, signal), signal);
  }

  /** The controller's broker, for requests that only it carries out; brokers of a KRaft cluster pass them on. */
  async withController<T>(call: BrokerCall<T>, signal: AbortSignal): Promise<T> {
    return this.#cache.brokers.has(this.#controllerId)
      ? this.withBroker(this.#controllerId, 'control', call, signal)
      : this.withAnyBroker('control', call, signal);
  }

  /** The first broker that can be reached. Rejects with `cluster_unreachable` naming each broker tried. */
  withAnyBroker<T>(purpose: Purpose, call: BrokerCall<T>, signal: AbortSignal): Promise<T> {
    return this.#brokers.withAny(purpose, call, signal);
  }

  /** C9: after an unknown outcome nothing more may arrive on the sockets it was sent on. */
  dropConnections(purpose?: Purpose): void {
    this.#brokers.drop(purpose);
  }

  /** After credentials changed: every connection is made anew as soon as nothing is in flight on it. */
  renewConnections(): void {
    this.#brokers.renew();
  }

  close(): Promise<void> {
    this.#closing.abort(new KafkaError('unreachable', 'NO_CONNECTION', `${this.name}: the connections were closed`));
    this.#brokers.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Shared by whoever waits for it, so it ends with the cluster and not with one caller's signal. */
  #refreshWith(extra: readonly string[], signal: AbortSignal): Promise<void> {
    if (extra.length === 0 && this.#refreshing !== undefined) return untilAborted(this.#refreshing, signal);
    const refreshing = this.#refresh(extra, this.#closing.signal).finally(() => {
      if (this.#refreshing === refreshing) this.#refreshing = undefined;
    });
    this.#refreshing = refreshing;
    return untilAborted(refreshing, signal);
  }

  async #refresh(extra: readonly string[], signal: AbortSignal): Promise<void> {
    const waitMs = this.#refreshedAtMs + MIN_REFRESH_GAP_MS - this.clock.monotonicMs();
    if (extra.length === 0 && waitMs > 0) await this.clock.sleep(waitMs, signal);
    await this.#askMetadata([...new Set([...this.#cache.topicNames, ...extra])], signal);
  }

  /** Every listed broker that is not one of those the first one knows: they must be of the same cluster. One that is down has no say. */
  async #checkBootstrap(signal: AbortSignal): Promise<void> {
    const known = new Set([...this.#cache.brokers.values()].map(addressKey));
    for (const address of this.#bootstrap) {
      if (known.has(addressKey(address))) continue;
      try {
        const answer = await this.#brokers.run(address, 'control', (connection) => metadataOf(connection, []), signal);
        this.#notice({ address: addressKey(address), clusterId: answer.clusterId ?? '' });
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
      }
    }
  }

  #notice(broker: SeenBroker): void {
    this.#seen ??= broker;
    checkOneCluster(this.name, this.#seen, broker);
  }

  async #askMetadata(names: readonly string[] | 'all', signal: AbortSignal): Promise<readonly TopicMetadata[]> {
    const asked = names === 'all' ? null : [...names];
    const { address, answer } = await this.withAnyBroker(
      'control',
      async (connection) => ({ address: `${connection.host}:${connection.port}`, answer: await metadataOf(connection, asked) }),
      signal,
    );
    this.#notice({ address, clusterId: answer.clusterId ?? '' });
    const topics = this.#cache.take(answer, asked ?? this.#cache.topicNames);
    this.#controllerId = answer.controllerId;
    this.#refreshedAtMs = this.clock.monotonicMs();
    this.#stale = false;
    this.#brokers.forgetOthers();
    return topics;
  }

  #notConnected(): KafkaError {
    return new KafkaError('unreachable', 'NO_CONNECTION', `${this.name}: the cluster was not reached yet`);
  }
}

const metadataOf = (connection: Parameters<BrokerCall<unknown>>[0], topics: string[] | null) =>
  evenWithErrors(metadataV12.api.async(connection, topics, false, false));

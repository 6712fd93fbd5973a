import type { FetchedPartition, FetchTarget } from '../model/fetch.ts';
import type { ReadBatches } from './batch/read.ts';
import type { KafkaCluster } from './cluster.ts';
import { apiKeys } from './cluster-versions.ts';
import { KafkaError, kafkaErrorName } from './errors.ts';
import { FetchAllowance } from './fetch-allowance.ts';
import { type JudgedPart, judgePart } from './fetch-answer.ts';
import { FetchFlights, type Flight } from './fetch-flights.ts';
import { isGap, provedGap } from './fetch-gap.ts';
import { FetchMemory } from './fetch-memory.ts';
import { type Routed, type RoutedTarget, routeTargets, type TargetsOfBroker } from './fetch-route.ts';
import { FetchTurns } from './fetch-turns.ts';
import { type FetchAnswer, type FetchApi, fetchApis, partsOf } from './fetch-wire.ts';
import { highWatermarks, localStarts, logStarts, partitionKey } from './offsets.ts';
import { ReadReplicas } from './read-replicas.ts';
import { YoungGarbage } from './young-garbage.ts';

export interface FetchLimits {
  readonly maxWaitMs: number;
  /** Of all answers together; one batch above it comes whole all the same, else nothing could ever pass it. */
  readonly maxBytes: number;
}

/**
 * Reads raw batches of many partitions, read_committed. A partition's failure is its own answer; the
 * call rejects only with the signal's reason.
 *
 * A partition's first batch may begin below the offset asked for: after a re-seek into its middle, or
 * when a cut log was refilled by larger batches. It is handed out whole.
 *
 * Each broker holds its answer back for as long as `maxWaitMs` when it has nothing. The call ends with what the first has
 * answered; the others are not asked again, and their answers come with a later call, if that still asks from the same offsets.
 *
 * The memory of an answer whose `release` was called is read into again.
 */
export class RawFetcher {
  readonly #cluster: KafkaCluster;
  readonly #read: ReadBatches;
  readonly #memory: FetchMemory;
  readonly #api: (maxVersion: number) => FetchApi;
  readonly #allowance = new FetchAllowance();
  readonly #flights = new FetchFlights();
  readonly #replicas = new ReadReplicas();
  readonly #turns = new FetchTurns();
  readonly #youngGarbage = new YoungGarbage();
  readonly #throttledUntilMs = new Map<number, number>();

  /** `keepBytes`: memory of released answers that is kept for the next ones. */
  constructor(cluster: KafkaCluster, read: ReadBatches, keepBytes = 0) {
    this.#cluster = cluster;
    this.#read = read;
    this.#memory = new FetchMemory(keepBytes);
    this.#api = fetchApis(this.#memory);
  }

  async fetch(targets: readonly FetchTarget[], limits: FetchLimits, signal: AbortSignal): Promise<readonly FetchedPartition[]> {
    if (targets.length === 0) return [];
    const { brokers: all, settled } = await this.#route(targets, signal);
    // A broker that must not be asked yet has no say this time; waiting for it would keep the caller's loop from its turns.
    const brokers = all.filter(({ brokerId }) => this.#heldMs(brokerId) <= limits.maxWaitMs);
    if (brokers.length === 0) {
      if (all.length > 0) await this.#cluster.clock.sleep(limits.maxWaitMs, signal);
      return settled;
    }
    const perBroker = { maxWaitMs: Math.floor(limits.maxWaitMs), maxBytes: Math.max(1, Math.floor(limits.maxBytes / brokers.length)) };
    if (perBroker.maxWaitMs === 0) {
      // Asked for what is there now, beside whatever is under way.
      const answers = await Promise.all(brokers.map((broker) => this.#askBroker(broker, perBroker, signal)));
      return [...settled, ...answers.flat()];
    }
    const flights = new Map<number, Flight>();
    for (const broker of brokers) {
      const asked = broker.parts.map(({ target }) => target);
      const flight =
        this.#flights.continued(broker.brokerId, asked, signal) ??
        this.#flights.begin(broker.brokerId, asked, signal, this.#askBroker(broker, perBroker, signal));
      flights.set(broker.brokerId, flight);
    }
    return [...settled, ...(await this.#flights.landed(flights))];
  }

  async #route(targets: readonly FetchTarget[], signal: AbortSignal): Promise<Routed> {
    const cluster = this.#cluster;
    const known = {
      knownTopic: (topic: string) => cluster.knownTopic(topic),
      isDenied: (topic: string) => cluster.isDenied(topic),
      leaderOf: (topic: string, partition: number) => cluster.leaderOf(topic, partition),
      replicaOf: (topic: string, partition: number) => this.#replicaOf(topic, partition),
    };
    try {
      await cluster.ensureTopics(
        targets.map(({ topic }) => topic),
        signal,
      );
      const routed = routeTargets(targets, known);
      if (!routed.unsure) return routed;
      await cluster.refresh(signal);
      return routeTargets(targets, known);
    } catch (error) {
      if (signal.aborted || !(error instanceof KafkaError)) throw error;
      return { brokers: [], unsure: false, settled: targets.map((target) => retry(target, error.message)) };
    }
  }

  /** Milliseconds until the broker may be asked: it could not be reached, or we are above our quota. */
  #heldMs(brokerId: number): number {
    const { clock } = this.#cluster;
    return Math.max(this.#cluster.backOffMs(brokerId), (this.#throttledUntilMs.get(brokerId) ?? 0) - clock.monotonicMs());
  }

  /** A replica that can be asked now; one that cannot is no reason to wait while there is a leader. */
  #replicaOf(topic: string, partition: number): number | undefined {
    const cluster = this.#cluster;
    if (cluster.rack === undefined) return undefined;
    const brokerId = this.#replicas.of(topic, partition, cluster.clock.monotonicMs());
    if (brokerId === undefined || (cluster.hasBroker(brokerId) && cluster.backOffMs(brokerId) === 0)) return brokerId;
    this.#replicas.avoid(topic, partition, cluster.clock.monotonicMs());
    return undefined;
  }

  async #askBroker(broker: TargetsOfBroker, limits: FetchLimits, signal: AbortSignal): Promise<readonly FetchedPartition[]> {
    const { maxWaitMs, maxBytes } = limits;
    const { brokerId } = broker;
    const parts = this.#turns.inTurn(brokerId, broker.parts);
    const cluster = this.#cluster;
    const heldMs = this.#heldMs(brokerId);
    if (heldMs > 0) await cluster.clock.sleep(heldMs, signal);
    let answer: FetchAnswer;
    const atOnce = this.#allowance.of(brokerId, maxBytes);
    const askedMs = cluster.clock.monotonicMs();
    const tookMs = (): number => cluster.clock.monotonicMs() - askedMs;
    try {
      answer = await cluster.withBroker(
        brokerId,
        'fetch',
        (connection) =>
          this.#api(cluster.maxVersion(apiKeys.Fetch)).async(connection, {
            maxWaitMs: Math.min(maxWaitMs, Math.floor(cluster.requestTimeoutMs / 2)),
            minBytes: 1,
            maxBytes: atOnce,
            isolation: 'read_committed',
            rack: this.#rackFor(parts),
            parts: parts.map(({ target, leaderEpoch }) => ({
              ...target,
              maxBytes: Math.min(target.maxBytes, atOnce),
              currentLeaderEpoch: leaderEpoch,
            })),
          }),
        signal,
      );
    } catch (error) {
      if (signal.aborted || !(error instanceof KafkaError)) throw error;
      this.#allowance.unanswered(brokerId, atOnce, tookMs(), cluster.requestTimeoutMs);
      return parts.map((part) => this.#retryAt(part, error.message));
    }
    const bytes = answer.parts.reduce((sum, { records }) => sum + records.length, 0);
    this.#allowance.answered(brokerId, atOnce, bytes, tookMs(), cluster.requestTimeoutMs);
    this.#youngGarbage.left(bytes);
    if (answer.throttleMs > 0) this.#throttledUntilMs.set(brokerId, cluster.clock.monotonicMs() + answer.throttleMs);
    // Above its quota a reader gets an answer without a partition, which says nothing about any of them.
    if (answer.throttleMs > 0 && answer.code === 0 && answer.parts.length === 0) return [];
    return this.#settle(parts, answer, limits, signal);
  }

  #retryAt({ target, follower }: RoutedTarget, reason: string): FetchedPartition {
    if (follower) this.#replicas.avoid(target.topic, target.partition, this.#cluster.clock.monotonicMs());
    return retry(target, reason);
  }

  #rackFor(parts: TargetsOfBroker['parts']): string {
    const { rack, clock } = this.#cluster;
    if (rack === undefined) return '';
    const nowMs = clock.monotonicMs();
    const isAlone = parts.some(({ target, follower }) => !follower && this.#replicas.avoids(target.topic, target.partition, nowMs));
    return isAlone ? '' : rack;
  }

  /** Asks the replicas that the leader named, once: a replica that names another one is left for the next call. */
  async #askReplicas(
    redirected: ReadonlyMap<number, RoutedTarget[]>,
    limits: FetchLimits,
    signal: AbortSignal,
  ): Promise<readonly FetchedPartition[]> {
    const nowMs = this.#cluster.clock.monotonicMs();
    for (const [brokerId, parts] of redirected)
      for (const { target } of parts) this.#replicas.prefer(target.topic, target.partition, brokerId, nowMs);
    const maxBytes = Math.max(1, Math.floor(limits.maxBytes / Math.max(1, redirected.size)));
    const answers = await Promise.all(
      [...redirected].map(([brokerId, parts]) => {
        const followers = parts.map((part) => ({ ...part, follower: true }));
        return this.#askBroker({ brokerId, parts: followers }, { ...limits, maxBytes }, signal);
      }),
    );
    return answers.flat();
  }

  async #settle(
    parts: TargetsOfBroker['parts'],
    answer: FetchAnswer,
    limits: FetchLimits,
    signal: AbortSignal,
  ): Promise<readonly FetchedPartition[]> {
    const partOf = partsOf(answer.parts);
    const redirected = new Map<number, RoutedTarget[]>();
    const judged: (readonly [FetchTarget, Exclude<JudgedPart, { kind: 'ask_replica' }>])[] = [];
    for (const [index, routed] of parts.entries()) {
      const { target, follower } = routed;
      const part = partOf(index, target);
      const verdict: JudgedPart =
        part === undefined
          ? retry(target, answer.code === 0 ? 'the broker left it out' : kafkaErrorName(answer.code))
          : judgePart(target, part, this.#read, this.#memory);
      // Nor is a gap proved by a replica: it may have moved more of the log to remote storage than the leader, which is who is asked where its own begins.
      if (follower && (verdict.kind !== 'batches' || isGap(verdict, target.offset))) {
        judged.push([target, this.#retryAt(routed, 'the replica that is nearer did not answer it')]);
      } else if (verdict.kind !== 'ask_replica') judged.push([target, verdict]);
      else {
        const there = redirected.get(verdict.brokerId);
        if (there === undefined) redirected.set(verdict.brokerId, [routed]);
        else there.push(routed);
      }
    }
    const doubted = judged.some(([, { kind }]) => kind === 'moved' || kind === 'ask_topic');
    if (doubted) this.#cluster.invalidate();
    if (judged.some(([, { kind }]) => kind === 'ask_topic')) await this.#refreshed(signal);
    const [settled, fromReplicas] = await Promise.all([
      Promise.all(
        judged.map(([target, verdict]): FetchedPartition | Promise<FetchedPartition> => {
          switch (verdict.kind) {
            case 'moved':
              return retry(target, verdict.reason);
            case 'ask_topic':
              return this.#topicVerdict(target, verdict.reason);
            case 'ask_ends':
              return this.#outOfRange(target, signal);
            default:
              // Only an answer to a partition that was asked for alone is taken for a proof.
              return parts.length === 1 && isGap(verdict, target.offset) ? this.#judgeGap(target, verdict, signal) : verdict;
          }
        }),
      ),
      redirected.size === 0 ? [] : this.#askReplicas(redirected, limits, signal),
    ]);
    return [...settled, ...fromReplicas];
  }

  /** A broker that has not heard of a new topic yet answers as if it did not exist; the metadata decides. */
  #topicVerdict(target: FetchTarget, reason: string): FetchedPartition {
    const { topic, topicId, partition } = target;
    return this.#cluster.knownTopic(topic)?.topicId === topicId ? retry(target, reason) : { kind: 'unknown_topic', topic, partition };
  }

  async #outOfRange(target: FetchTarget, signal: AbortSignal): Promise<FetchedPartition> {
    const { topic, partition } = target;
    const key = partitionKey(topic, partition);
    try {
      const [starts, ends] = await Promise.all([
        logStarts(this.#cluster, [target], signal),
        highWatermarks(this.#cluster, [target], signal),
      ]);
      const logStartOffset = starts.get(key);
      const logEndOffset = ends.get(key);
      if (logStartOffset === undefined || logEndOffset === undefined) return retry(target, 'the log did not say where it starts and ends');
      return { kind: 'out_of_range', topic, partition, logStartOffset, logEndOffset };
    } catch (error) {
      if (signal.aborted || !(error instanceof KafkaError)) throw error;
      return retry(target, error.message);
    }
  }

  async #judgeGap(
    target: FetchTarget,
    answer: Extract<FetchedPartition, { kind: 'batches' }>,
    signal: AbortSignal,
  ): Promise<FetchedPartition> {
    try {
      const starts = await localStarts(this.#cluster, [target], signal);
      return provedGap(answer, target.offset, starts === undefined ? null : starts.get(partitionKey(target.topic, target.partition)));
    } catch (error) {
      if (signal.aborted || !(error instanceof KafkaError)) throw error;
      return retry(target, error.message);
    }
  }

  async #refreshed(signal: AbortSignal): Promise<void> {
    try {
      await this.#cluster.refresh(signal);
    } catch (error) {
      // Without fresh metadata what is known stays, and so do the verdicts that follow from it.
      if (signal.aborted || !(error instanceof KafkaError)) throw error;
    }
  }
}

const retry = ({ topic, partition }: FetchTarget, reason: string): FetchedPartition => ({ kind: 'retry', topic, partition, reason });

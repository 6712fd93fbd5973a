import type { FetchedPartition, FetchTarget } from '../model/fetch.ts';
import type { ReadBatches } from './batch/read.ts';
import type { KafkaCluster } from './cluster.ts';
import { apiKeys } from './cluster-versions.ts';
import { KafkaError, kafkaErrorName } from './errors.ts';
import { type JudgedPart, judgePart } from './fetch-answer.ts';
import { type Routed, routeTargets, type TargetsOfBroker } from './fetch-route.ts';
import { type FetchAnswer, fetchApi } from './fetch-wire.ts';
import { highWatermarks, logStarts, partitionKey } from './offsets.ts';

export interface FetchLimits {
  readonly maxWaitMs: number;
  /** Of all answers together; one batch above it comes whole all the same, else nothing could ever pass it. */
  readonly maxBytes: number;
}

/** How long one of several brokers may hold back what another has already answered. */
const WAIT_BESIDE_OTHERS_MS = 50;

/**
 * Reads raw batches of many partitions, read_committed. A partition's failure is its own answer; the
 * call rejects only with the signal's reason.
 *
 * A partition's first batch may begin below the offset asked for: after a re-seek into its middle, or
 * when a cut log was refilled by larger batches. It is handed out whole.
 */
export class RawFetcher {
  readonly #cluster: KafkaCluster;
  readonly #read: ReadBatches;
  readonly #throttledUntilMs = new Map<number, number>();
  #rounds = 0;

  constructor(cluster: KafkaCluster, read: ReadBatches) {
    this.#cluster = cluster;
    this.#read = read;
  }

  async fetch(targets: readonly FetchTarget[], limits: FetchLimits, signal: AbortSignal): Promise<readonly FetchedPartition[]> {
    if (targets.length === 0) return [];
    const { clock } = this.#cluster;
    const endMs = clock.monotonicMs() + limits.maxWaitMs;
    for (;;) {
      const leftMs = Math.max(0, endMs - clock.monotonicMs());
      const routed = await this.#route(targets, signal);
      const several = routed.brokers.length > 1;
      const maxWaitMs = Math.floor(several ? Math.min(leftMs, WAIT_BESIDE_OTHERS_MS) : leftMs);
      const perBroker = Math.max(1, Math.floor(limits.maxBytes / Math.max(1, routed.brokers.length)));
      const answered = await Promise.all(
        routed.brokers.map((broker) => this.#askBroker(broker, { maxWaitMs, maxBytes: perBroker }, leftMs, signal)),
      );
      const results = [...routed.settled, ...answered.flat()];
      const waiting = several && results.every((one) => one.kind === 'batches' && one.empty);
      if (!waiting || clock.monotonicMs() >= endMs) return results;
    }
  }

  async #route(targets: readonly FetchTarget[], signal: AbortSignal): Promise<Routed> {
    const cluster = this.#cluster;
    // The order decides who is served first when the byte limit is short: everybody's turn comes.
    const turn = this.#rounds++ % targets.length;
    const inTurn = [...targets.slice(turn), ...targets.slice(0, turn)];
    try {
      await cluster.ensureTopics(
        inTurn.map(({ topic }) => topic),
        signal,
      );
      const routed = routeTargets(inTurn, cluster);
      if (!routed.unsure) return routed;
      await cluster.refresh(signal);
      return routeTargets(inTurn, cluster);
    } catch (error) {
      if (signal.aborted || !(error instanceof KafkaError)) throw error;
      return { brokers: [], unsure: false, settled: inTurn.map((target) => retry(target, error.message)) };
    }
  }

  async #askBroker(
    { brokerId, parts }: TargetsOfBroker,
    { maxWaitMs, maxBytes }: FetchLimits,
    leftMs: number,
    signal: AbortSignal,
  ): Promise<readonly FetchedPartition[]> {
    const cluster = this.#cluster;
    const heldMs = Math.max(cluster.backOffMs(brokerId), (this.#throttledUntilMs.get(brokerId) ?? 0) - cluster.clock.monotonicMs());
    if (heldMs > 0) await cluster.clock.sleep(Math.min(heldMs, leftMs), signal);
    // Other brokers' partitions wait for this answer: a broker that must not be asked yet is left for a later call.
    if (heldMs > leftMs) return parts.map(({ target }) => retry(target, `broker ${brokerId} is not asked again yet`));
    let answer: FetchAnswer;
    try {
      answer = await cluster.withBroker(
        brokerId,
        'fetch',
        (connection) =>
          fetchApi(cluster.maxVersion(apiKeys.Fetch)).async(connection, {
            maxWaitMs: Math.min(maxWaitMs, Math.floor(cluster.requestTimeoutMs / 2)),
            minBytes: 1,
            maxBytes,
            isolation: 'read_committed',
            parts: parts.map(({ target, leaderEpoch }) => ({ ...target, currentLeaderEpoch: leaderEpoch })),
          }),
        signal,
      );
    } catch (error) {
      if (signal.aborted || !(error instanceof KafkaError)) throw error;
      return parts.map(({ target }) => retry(target, error.message));
    }
    if (answer.throttleMs > 0) this.#throttledUntilMs.set(brokerId, cluster.clock.monotonicMs() + answer.throttleMs);
    return this.#settle(parts, answer, signal);
  }

  async #settle(parts: TargetsOfBroker['parts'], answer: FetchAnswer, signal: AbortSignal): Promise<readonly FetchedPartition[]> {
    const byPartition = new Map(answer.parts.map((part) => [partitionKey(part.topicId, part.partition), part]));
    const judged = parts.map(({ target }): readonly [FetchTarget, JudgedPart] => {
      const part = byPartition.get(partitionKey(target.topicId, target.partition));
      if (part !== undefined) return [target, judgePart(target, part, this.#read)];
      return [target, retry(target, answer.code === 0 ? 'the broker left it out' : kafkaErrorName(answer.code))];
    });
    const doubted = judged.some(([, { kind }]) => kind === 'moved' || kind === 'ask_topic');
    if (doubted) this.#cluster.invalidate();
    if (judged.some(([, { kind }]) => kind === 'ask_topic')) await this.#refreshed(signal);
    return Promise.all(
      judged.map(([target, verdict]): FetchedPartition | Promise<FetchedPartition> => {
        switch (verdict.kind) {
          case 'moved':
            return retry(target, verdict.reason);
          case 'ask_topic':
            return this.#topicVerdict(target, verdict.reason);
          case 'ask_ends':
            return this.#outOfRange(target, signal);
          default:
            return verdict;
        }
      }),
    );
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

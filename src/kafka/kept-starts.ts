import type { Clock } from '../model/clock.ts';
import type { KafkaCluster } from './cluster.ts';
import { type AllEnds, allPartitionEnds, highWatermarks, partitionKey, stableEnds, type TopicPartition } from './offsets.ts';

const KEEP_STARTS_MS = 10_000;

export interface EndReads {
  /** Starts and both ends, three requests a broker. */
  readonly all: (partitions: readonly TopicPartition[], signal: AbortSignal) => Promise<readonly AllEnds[]>;
  /** Last stable offsets, by `topic:partition`: one request a broker. */
  readonly stable: (partitions: readonly TopicPartition[], signal: AbortSignal) => Promise<ReadonlyMap<string, bigint>>;
  /** High watermarks, in the same way. */
  readonly high: (partitions: readonly TopicPartition[], signal: AbortSignal) => Promise<ReadonlyMap<string, bigint>>;
}

/**
 * Ends for who asks each second: they are read each time, log starts every ten seconds. Retention moves a start once in minutes, and
 * asking for it as often as for the end was a tenth of all that a daemon with nothing to do sends. A start may so be too low for a while, never
 * too high; only a topic that is deleted and created again has one that is, for as long.
 *
 * Of a home's high watermarks nothing is made but how long a last stable offset stands below its own: they are asked for every `highEveryMs`, and
 * each time while one does. Between, a log counts as one without an open transaction, as it was seen last.
 */
export class KeptStarts {
  readonly #reads: EndReads;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #starts: ReadonlyMap<string, bigint> = new Map();
  readonly #highEveryMs: number;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #highAtMs = Number.NEGATIVE_INFINITY;
  /** Some last stable offset stood below its high watermark when both were read last. */
  #standing = false;

  constructor(reads: EndReads, clock: Pick<Clock, 'monotonicMs'>, highEveryMs = 0) {
    this.#reads = reads;
    this.#clock = clock;
    this.#highEveryMs = highEveryMs;
  }

  static of(cluster: KafkaCluster, clock: Clock, highEveryMs?: number): KeptStarts {
    const reads = {
      all: (partitions: readonly TopicPartition[], signal: AbortSignal) => allPartitionEnds(cluster, partitions, signal),
      stable: (partitions: readonly TopicPartition[], signal: AbortSignal) => stableEnds(cluster, partitions, signal),
      high: (partitions: readonly TopicPartition[], signal: AbortSignal) => highWatermarks(cluster, partitions, signal),
    };
    return new KeptStarts(reads, clock, highEveryMs);
  }

  async ends(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<readonly AllEnds[]> {
    const nowMs = this.#clock.monotonicMs();
    const known = partitions.every(({ topic, partition }) => this.#starts.has(partitionKey(topic, partition)));
    if (!known || nowMs - this.#readAtMs >= KEEP_STARTS_MS) {
      const all = await this.#reads.all(partitions, signal);
      this.#starts = new Map(all.map(({ topic, partition, start }) => [partitionKey(topic, partition), start]));
      this.#readAtMs = nowMs;
      return this.#seen(nowMs, all);
    }
    const asksHigh = this.#standing || nowMs - this.#highAtMs >= this.#highEveryMs;
    const [stable, high] = await Promise.all([
      this.#reads.stable(partitions, signal),
      asksHigh ? this.#reads.high(partitions, signal) : undefined,
    ]);
    const ends = partitions.flatMap(({ topic, partition }) => {
      const key = partitionKey(topic, partition);
      const [start, end] = [this.#starts.get(key), stable.get(key)];
      const highWatermark = high === undefined ? end : high.get(key);
      if (start === undefined || end === undefined || highWatermark === undefined) return [];
      return [{ topic, partition, start, end, highWatermark }];
    });
    return asksHigh ? this.#seen(nowMs, ends) : ends;
  }

  #seen(nowMs: number, ends: readonly AllEnds[]): readonly AllEnds[] {
    this.#highAtMs = nowMs;
    this.#standing = ends.some(({ end, highWatermark }) => end < highWatermark);
    return ends;
  }
}

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
 */
export class KeptStarts {
  readonly #reads: EndReads;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #starts: ReadonlyMap<string, bigint> = new Map();
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(reads: EndReads, clock: Pick<Clock, 'monotonicMs'>) {
    this.#reads = reads;
    this.#clock = clock;
  }

  static of(cluster: KafkaCluster, clock: Clock): KeptStarts {
    const reads = {
      all: (partitions: readonly TopicPartition[], signal: AbortSignal) => allPartitionEnds(cluster, partitions, signal),
      stable: (partitions: readonly TopicPartition[], signal: AbortSignal) => stableEnds(cluster, partitions, signal),
      high: (partitions: readonly TopicPartition[], signal: AbortSignal) => highWatermarks(cluster, partitions, signal),
    };
    return new KeptStarts(reads, clock);
  }

  async ends(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<readonly AllEnds[]> {
    const nowMs = this.#clock.monotonicMs();
    const known = partitions.every(({ topic, partition }) => this.#starts.has(partitionKey(topic, partition)));
    if (!known || nowMs - this.#readAtMs >= KEEP_STARTS_MS) {
      const all = await this.#reads.all(partitions, signal);
      this.#starts = new Map(all.map(({ topic, partition, start }) => [partitionKey(topic, partition), start]));
      this.#readAtMs = nowMs;
      return all;
    }
    const [stable, high] = await Promise.all([this.#reads.stable(partitions, signal), this.#reads.high(partitions, signal)]);
    return partitions.flatMap(({ topic, partition }) => {
      const key = partitionKey(topic, partition);
      const [start, end, highWatermark] = [this.#starts.get(key), stable.get(key), high.get(key)];
      if (start === undefined || end === undefined || highWatermark === undefined) return [];
      return [{ topic, partition, start, end, highWatermark }];
    });
  }
}

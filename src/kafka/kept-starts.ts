import type { Clock } from '../model/clock.ts';
import type { KafkaCluster } from './cluster.ts';
import { type PartitionEnds, partitionEnds, partitionKey, stableEnds, type TopicPartition } from './offsets.ts';

const KEEP_STARTS_MS = 10_000;

export interface EndReads {
  /** Both, two requests a broker. */
  readonly both: (partitions: readonly TopicPartition[], signal: AbortSignal) => Promise<readonly PartitionEnds[]>;
  /** Ends alone, by `topic:partition`: one request a broker. */
  readonly stable: (partitions: readonly TopicPartition[], signal: AbortSignal) => Promise<ReadonlyMap<string, bigint>>;
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
      both: (partitions: readonly TopicPartition[], signal: AbortSignal) => partitionEnds(cluster, partitions, signal),
      stable: (partitions: readonly TopicPartition[], signal: AbortSignal) => stableEnds(cluster, partitions, signal),
    };
    return new KeptStarts(reads, clock);
  }

  async ends(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<readonly PartitionEnds[]> {
    const nowMs = this.#clock.monotonicMs();
    const known = partitions.every(({ topic, partition }) => this.#starts.has(partitionKey(topic, partition)));
    if (!known || nowMs - this.#readAtMs >= KEEP_STARTS_MS) {
      const both = await this.#reads.both(partitions, signal);
      this.#starts = new Map(both.map(({ topic, partition, start }) => [partitionKey(topic, partition), start]));
      this.#readAtMs = nowMs;
      return both;
    }
    const stable = await this.#reads.stable(partitions, signal);
    return partitions.flatMap(({ topic, partition }) => {
      const key = partitionKey(topic, partition);
      const [start, end] = [this.#starts.get(key), stable.get(key)];
      return start === undefined || end === undefined ? [] : [{ topic, partition, start, end }];
    });
  }
}

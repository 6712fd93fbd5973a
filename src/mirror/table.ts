import type { TopicPartitionKey } from '../model/partition.ts';
import { topicPartitionKey } from '../model/partition.ts';
import type { MirrorPartition, PartitionMode } from './partition.ts';
import type { StandingStop } from './stopping.ts';

type Paused = Extract<PartitionMode, { mode: 'paused' }>;

/** The partitions mirror knows, by regional topic and partition, and what an operator paused, whether it is known already or not. */
export class PartitionTable {
  readonly #byKey = new Map<TopicPartitionKey, MirrorPartition>();
  readonly #byHome = new Map<TopicPartitionKey, MirrorPartition>();

  /**
   * A pause is of the place, not of what is known of it at the moment. Set only after a partition was started, it came too late:
   *
   *     the operator pauses · the daemon is restarted · the topic was created again · "stopped" is recorded over "paused"
   */
  readonly #paused = new Map<TopicPartitionKey, Paused>();
  /** Recorded stops that only an operator ends, of partitions that are not known yet. */
  readonly #stopped = new Map<TopicPartitionKey, StandingStop['mode']>();

  pause(regionalTopic: string, partition: number, paused: Paused): void {
    this.#paused.set(topicPartitionKey(regionalTopic, partition), paused);
    this.get(regionalTopic, partition)?.setMode(paused);
  }

  /** The pause is over; the partition's mode is the caller's to set. */
  resumed(regionalTopic: string, partition: number): void {
    this.#paused.delete(topicPartitionKey(regionalTopic, partition));
  }

  /** What was recorded, as it was read last. A partition that were checked anew might pass: what showed its fault may be gone. */
  stopAsRecorded(stops: readonly StandingStop[]): void {
    this.#stopped.clear();
    for (const { topic, partition, mode } of stops) {
      const known = this.get(topic, partition);
      if (known === undefined) this.#stopped.set(topicPartitionKey(topic, partition), mode);
      else if (known.mode.mode !== 'paused') known.setMode(mode);
    }
  }

  add(partition: MirrorPartition): void {
    const key = topicPartitionKey(partition.route.regional, partition.partition);
    const resting = this.#paused.get(key) ?? this.#stopped.get(key);
    if (resting !== undefined) partition.setMode(resting);
    this.#stopped.delete(key);
    this.#byKey.set(key, partition);
    this.#byHome.set(topicPartitionKey(partition.route.home, partition.partition), partition);
  }

  remove(regionalTopic: string): void {
    for (const { route, partition } of this.ofTopic(regionalTopic)) {
      this.#byKey.delete(topicPartitionKey(route.regional, partition));
      this.#byHome.delete(topicPartitionKey(route.home, partition));
    }
  }

  get(regionalTopic: string, partition: number): MirrorPartition | undefined {
    return this.#byKey.get(topicPartitionKey(regionalTopic, partition));
  }

  byHome(homeTopic: string, partition: number): MirrorPartition | undefined {
    return this.#byHome.get(topicPartitionKey(homeTopic, partition));
  }

  ofTopic(regionalTopic: string): readonly MirrorPartition[] {
    return [...this.#byKey.values()].filter((p) => p.route.regional === regionalTopic);
  }

  topics(): ReadonlySet<string> {
    return new Set([...this.#byKey.values()].map((p) => p.route.regional));
  }

  all(): IterableIterator<MirrorPartition> {
    return this.#byKey.values();
  }

  get size(): number {
    return this.#byKey.size;
  }
}

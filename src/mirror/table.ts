import type { TopicPartitionKey } from '../model/partition.ts';
import { topicPartitionKey } from '../model/partition.ts';
import type { MirrorPartition } from './partition.ts';

/** The partitions mirror knows, by regional topic and partition. */
export class PartitionTable {
  readonly #byKey = new Map<TopicPartitionKey, MirrorPartition>();
  readonly #byHome = new Map<TopicPartitionKey, MirrorPartition>();

  add(partition: MirrorPartition): void {
    this.#byKey.set(topicPartitionKey(partition.route.regional, partition.partition), partition);
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

import type { RegionalOffset } from '../model/offsets.ts';
import { type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import type { ApplyPartition } from './partition.ts';

/** All partitions this stage knows, by topic and number. */
export class PartitionTable {
  readonly #partitions = new Map<TopicPartitionKey, ApplyPartition>();

  add(partition: ApplyPartition): void {
    this.#partitions.set(topicPartitionKey(partition.topic, partition.partition), partition);
  }

  get(topic: string, partition: number): ApplyPartition | undefined {
    return this.#partitions.get(topicPartitionKey(topic, partition));
  }

  all(): Iterable<ApplyPartition> {
    return this.#partitions.values();
  }

  ofTopic(topic: string): readonly ApplyPartition[] {
    return [...this.#partitions.values()].filter((p) => p.topic === topic);
  }

  /** Committed positions of a topic's partitions: what the barrier of C1 compares. */
  applied(topic: string): ReadonlyMap<number, RegionalOffset> {
    const applied = new Map<number, RegionalOffset>();
    for (const p of this.#partitions.values()) {
      if (p.topic === topic && p.committed !== undefined) applied.set(p.partition, p.committed.next);
    }
    return applied;
  }
}

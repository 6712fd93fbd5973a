import type { RegionalOffset } from '../model/offsets.ts';
import { type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import type { ApplyPartition } from './partition.ts';

/** All partitions this stage knows, by topic and number. */
export class PartitionTable {
  readonly #partitions = new Map<TopicPartitionKey, ApplyPartition>();
  readonly #elsewhere = new Map<string, ReadonlyMap<number, RegionalOffset>>();

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

  /** Where partitions that others apply stood when the database was asked last. */
  standElsewhere(positions: readonly { readonly topic: string; readonly partition: number; readonly next: RegionalOffset }[]): void {
    for (const [topic, ofTopic] of Map.groupBy(positions, (position) => position.topic))
      this.#elsewhere.set(topic, new Map(ofTopic.map(({ partition, next }) => [partition, next])));
  }

  /** Committed positions of a topic's partitions: what the barrier of C1 compares. One of another stage may be further by now. */
  applied(topic: string): ReadonlyMap<number, RegionalOffset> {
    const applied = new Map<number, RegionalOffset>(this.#elsewhere.get(topic));
    for (const p of this.#partitions.values()) {
      if (p.topic === topic && p.committed !== undefined) applied.set(p.partition, p.committed.next);
    }
    return applied;
  }
}

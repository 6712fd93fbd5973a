import { partitionKey } from './offsets.ts';

/** As long as Kafka's own consumer keeps one: then the leader is asked again which replica is near. */
const KEEP_MS = 300_000;

/**
 * Which replica to read a partition from instead of its leader (KIP-392): the leader names one in the rack that a fetch tells. A
 * replica that answers anything but records is forgotten, so that the leader, whose word counts, is asked next.
 */
export class ReadReplicas {
  readonly #byPartition = new Map<string, { readonly brokerId: number; readonly untilMs: number }>();

  prefer(topic: string, partition: number, brokerId: number, nowMs: number): void {
    this.#byPartition.set(partitionKey(topic, partition), { brokerId, untilMs: nowMs + KEEP_MS });
  }

  /** Undefined: the leader. */
  of(topic: string, partition: number, nowMs: number): number | undefined {
    const preferred = this.#byPartition.get(partitionKey(topic, partition));
    if (preferred === undefined) return undefined;
    if (nowMs < preferred.untilMs) return preferred.brokerId;
    this.forget(topic, partition);
    return undefined;
  }

  forget(topic: string, partition: number): void {
    this.#byPartition.delete(partitionKey(topic, partition));
  }
}

import { partitionKey } from './offsets.ts';

/** As long as Kafka's own consumer keeps one: then the leader is asked again which replica is near. */
const KEEP_MS = 300_000;
/** How long the leader is asked without a rack, so that it answers itself: told one, it would name the same replica each time. */
const AVOID_MS = 60_000;

/**
 * Which replica to read a partition from instead of its leader (KIP-392): the leader names one in the rack that a fetch tells. A
 * replica that answers anything but records, or cannot be reached from here, is avoided for a while: the leader, whose word counts, is asked next.
 */
export class ReadReplicas {
  readonly #byPartition = new Map<string, { readonly brokerId: number; readonly untilMs: number }>();
  readonly #avoidedUntilMs = new Map<string, number>();

  prefer(topic: string, partition: number, brokerId: number, nowMs: number): void {
    this.#byPartition.set(partitionKey(topic, partition), { brokerId, untilMs: nowMs + KEEP_MS });
  }

  /** Undefined: the leader. */
  of(topic: string, partition: number, nowMs: number): number | undefined {
    const preferred = this.#byPartition.get(partitionKey(topic, partition));
    if (preferred === undefined) return undefined;
    if (nowMs < preferred.untilMs) return preferred.brokerId;
    this.#byPartition.delete(partitionKey(topic, partition));
    return undefined;
  }

  avoid(topic: string, partition: number, nowMs: number): void {
    this.#byPartition.delete(partitionKey(topic, partition));
    this.#avoidedUntilMs.set(partitionKey(topic, partition), nowMs + AVOID_MS);
  }

  /** Whether the leader has to answer itself. */
  avoids(topic: string, partition: number, nowMs: number): boolean {
    const key = partitionKey(topic, partition);
    const untilMs = this.#avoidedUntilMs.get(key);
    if (untilMs === undefined) return false;
    if (nowMs < untilMs) return true;
    this.#avoidedUntilMs.delete(key);
    return false;
  }
}

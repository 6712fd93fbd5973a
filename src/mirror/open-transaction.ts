import type { MirroredTopic, ReencodeReason } from '../model/events.ts';
import type { FetchedPartition } from '../model/fetch.ts';
import type { RegionalOffset } from '../model/offsets.ts';
import { type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import type { MirrorPosition } from '../model/position.ts';
import type { WrittenEnd } from './contracts.ts';
import type { CyclePlan } from './cycle.ts';
import type { MirrorSettings } from './dependencies.ts';

/** What the transaction that is open may take in, beside what it holds. */
export interface Ahead {
  /** What was read while it was written; undefined: it is still on its way, and is not waited for. */
  readonly answers: readonly FetchedPartition[] | undefined;
  readonly openForMs: number;
  /** A batch was refused and not passed yet. Other cycles in its transaction would be aborted with it, and given up with it where it stops. */
  readonly isRefused: boolean;
}

/**
 * Whether the transaction takes in what was read ahead, instead of ending first. Only data goes in: what else an answer says is decided of what is
 * durable. And only under a backlog: who has read to the end of the logs has what it holds read soon.
 */
export function takesIn(
  { answers, openForMs, isRefused }: Ahead,
  { takesInMs, takesInBytes, transactionTimeoutMs }: Pick<MirrorSettings, 'takesInMs' | 'takesInBytes' | 'transactionTimeoutMs'>,
): boolean {
  if (answers === undefined || isRefused || openForMs >= Math.min(takesInMs, transactionTimeoutMs / 16)) return false;
  let [isBehind, bytes] = [false, 0];
  for (const answer of answers) {
    if (answer.kind !== 'batches') return false;
    if (answer.batches.length > 0 && answer.nextOffset < answer.lastStableOffset) isBehind = true;
    for (const batch of answer.batches) bytes += batch.bytes.length;
  }
  return isBehind && bytes >= takesInBytes;
}

/** What one transaction holds so far: one cycle, or under a backlog several. */
export class OpenTransaction {
  readonly startedMs: number;
  /** Of its largest cycle, the one that is being written among them. */
  mostBytes = 0;
  readonly mirrored: MirroredTopic[] = [];
  readonly reencoded: { readonly topic: string; readonly partition: number; readonly reason: ReencodeReason }[] = [];
  readonly #positions = new Map<TopicPartitionKey, MirrorPosition>();
  readonly #ends = new Map<TopicPartitionKey, RegionalOffset>();

  constructor(startedMs: number) {
    this.startedMs = startedMs;
  }

  /** A cycle that was written, and where it came to lie. */
  add({ positions, mirrored, reencoded }: Pick<CyclePlan, 'positions' | 'mirrored' | 'reencoded'>, ends: readonly WrittenEnd[]): void {
    for (const { topic, partition, end } of ends) this.#ends.set(topicPartitionKey(topic, partition), end);
    for (const position of positions) {
      const place = topicPartitionKey(position.topic, position.partition);
      // A later cycle may move it without a record: its records end where those of the earlier one did.
      this.#positions.set(place, { ...position, regionalEnd: this.#ends.get(place) ?? position.regionalEnd });
    }
    this.mirrored.push(...mirrored);
    this.reencoded.push(...reencoded);
  }

  moves(place: TopicPartitionKey): boolean {
    return this.#positions.has(place);
  }

  /** Each partition's last one. */
  get positions(): readonly MirrorPosition[] {
    return [...this.#positions.values()];
  }
}

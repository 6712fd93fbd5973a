import type { ProducePart } from './produce-wire.ts';

/** Batches of one partition in the order they must come to lie in its log. */
export interface PartitionBatches {
  readonly topic: string;
  readonly partition: number;
  readonly batches: readonly { readonly bytes: Buffer; readonly baseOffset: bigint }[];
}

/** One batch of one write, by index. */
export interface PlannedPart extends ProducePart {
  readonly write: number;
  readonly batch: number;
}

export type PlannedRequest = readonly PlannedPart[];

export interface ProducePlan {
  /** Requests that hold the first batch of every partition. */
  readonly first: readonly PlannedRequest[];
  /** The rest, in order. */
  readonly rest: readonly PlannedRequest[];
}

/**
 * Spreads the writes of one leader over requests. An idempotent producer may send one batch a partition
 * in a request (KIP-98), so the n-th batches of all partitions travel together, cut where a request
 * would pass `maxRequestBytes`; a batch above that goes alone.
 */
export function planProduce(writes: readonly PartitionBatches[], mine: readonly number[], maxRequestBytes: number): ProducePlan {
  const first = planRound(writes, mine, 0, maxRequestBytes);
  const rest: PlannedRequest[] = [];
  for (let batch = 1, left = mine; ; batch++) {
    left = left.filter((write) => writes[write]!.batches.length > batch);
    if (left.length === 0) return { first, rest };
    rest.push(...planRound(writes, left, batch, maxRequestBytes));
  }
}

function planRound(
  writes: readonly PartitionBatches[],
  mine: readonly number[],
  batch: number,
  maxRequestBytes: number,
): readonly PlannedRequest[] {
  const requests: PlannedPart[][] = [];
  let current: PlannedPart[] = [];
  let size = 0;
  for (const write of mine) {
    const { topic, partition, batches } = writes[write]!;
    const bytes = batches[batch]?.bytes;
    if (bytes === undefined) continue;
    if (current.length > 0 && size + bytes.length > maxRequestBytes) {
      requests.push(current);
      current = [];
      size = 0;
    }
    current.push({ write, batch, topic, partition, bytes });
    size += bytes.length;
  }
  if (current.length > 0) requests.push(current);
  return requests;
}

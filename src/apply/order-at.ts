import { barrierWaitsFor, generationAt } from '../model/generation.ts';
import { offsetValue, type RegionalOffset, regionalOffset } from '../model/offsets.ts';
import type { TopicOrder } from './contracts.ts';

/** What may be done with records from an offset on; `end` is where the answer stops to hold. */
export type OrderDecision =
  | { readonly kind: 'apply'; readonly homeEpoch: number; readonly generation: number; readonly end: bigint | undefined }
  /** Written in the region itself, while it was the home (C3): the position moves over them. */
  | { readonly kind: 'pass'; readonly end: bigint | undefined }
  | { readonly kind: 'wait'; readonly reason: string };

/**
 * The generation and home epoch that a partition's records from `offset` on belong to, or why they must
 * wait (CORRECTNESS C1, C3). `applied` holds the committed positions of the topic's partitions.
 */
export function orderAt(
  order: TopicOrder | undefined,
  partition: number,
  offset: bigint,
  applied: ReadonlyMap<number, RegionalOffset>,
  region: string,
): OrderDecision {
  if (order === undefined) return { kind: 'wait', reason: 'the topic has no entry in the ledger yet' };
  const home = homeAt(order.homeEpochs, partition, offset);
  if (home === undefined) return { kind: 'wait', reason: 'the ledger does not say where the topic has its home' };
  const found = generationAt(order.generations, partition, regionalOffset(offset));
  if (found === undefined) return { kind: 'wait', reason: 'the ledger does not know this partition yet' };
  const end = earlier(home.end, found.end === undefined ? undefined : offsetValue(found.end));
  if (home.home === region) return { kind: 'pass', end };
  const waits = barrierWaitsFor(order.generations, found.generation, applied);
  if (waits.length > 0) {
    const reason = `generation ${found.generation} starts when partition${waits.length > 1 ? 's' : ''} ${waits.join(', ')} reached it`;
    return { kind: 'wait', reason };
  }
  return { kind: 'apply', homeEpoch: home.epoch, generation: found.generation, end };
}

interface HomeRange {
  readonly epoch: number;
  readonly home: string;
  readonly start: bigint;
  /** Undefined: it goes on. */
  readonly end: bigint | undefined;
}

/**
 * What of a partition's log is of which home, by epoch; nothing where it ends before it starts. The first epoch starts at 0. A later one without a
 * start for the partition is older than the partition: it holds all of it.
 */
export function homeRanges(epochs: TopicOrder['homeEpochs'], partition: number): readonly HomeRange[] {
  const ordered = [...epochs].sort((a, b) => a.epoch - b.epoch);
  const starts = ordered.map((one, index) => (index === 0 ? 0n : (one.starts.get(partition) ?? 0n)));
  return ordered.map(({ epoch, home }, index) => {
    const end = starts.slice(index + 1).reduce<bigint | undefined>(earlier, undefined);
    return { epoch, home, start: starts[index]!, end };
  });
}

const homeAt = (epochs: TopicOrder['homeEpochs'], partition: number, offset: bigint): HomeRange | undefined =>
  homeRanges(epochs, partition).find(({ start, end }) => start <= offset && (end === undefined || offset < end));

const earlier = (a: bigint | undefined, b: bigint | undefined): bigint | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
};

import { barrierWaitsFor, generationAt } from '../model/generation.ts';
import { offsetValue, type RegionalOffset, regionalOffset } from '../model/offsets.ts';
import type { TopicOrder } from './contracts.ts';
import { earlier, type HomeRange, homeRanges, olderHomesEnd } from './home-ranges.ts';

/** What may be done with records from an offset on; `end` is where the answer stops to hold. */
export type OrderDecision =
  | { readonly kind: 'apply'; readonly homeEpoch: number; readonly generation: number; readonly end: bigint | undefined }
  /** Written in the region itself, while it was the home (C3): the position moves over them. */
  | { readonly kind: 'pass'; readonly end: bigint | undefined }
  /** Of an older home than one that applications of the region have written in since: the position moves over gaps, and stops before a record. `olderEnd`: where the last of such homes ends. */
  | { readonly kind: 'older'; readonly end: bigint; readonly olderEnd: bigint }
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
  if (order.undecided !== undefined) return { kind: 'wait', reason: order.undecided };
  const home = homeAt(order.homeEpochs, partition, offset);
  if (home === undefined) return { kind: 'wait', reason: 'the ledger does not say where the topic has its home' };
  // Before a generation is asked for: one begins with what is mirrored, so a partition that was added while the region was home has none there.
  if (home.home === region) return { kind: 'pass', end: home.end };
  const found = generationAt(order.generations, partition, regionalOffset(offset));
  if (found === undefined) return { kind: 'wait', reason: 'the ledger does not know this partition yet' };
  const end = earlier(home.end, found.end === undefined ? undefined : offsetValue(found.end));
  // The drain before a move leaves none; a table that was not among `apply.tables` meanwhile has them still before it.
  const olderEnd = order.written.size === 0 ? 0n : olderHomesEnd(order, partition, region);
  if (offset < olderEnd) return { kind: 'older', end: home.end ?? olderEnd, olderEnd };
  const waits = barrierWaitsFor(order.generations, found.generation, applied);
  if (waits.length > 0) {
    const reason = `generation ${found.generation} starts when partition${waits.length > 1 ? 's' : ''} ${waits.join(', ')} reached it`;
    return { kind: 'wait', reason };
  }
  return { kind: 'apply', homeEpoch: home.epoch, generation: found.generation, end };
}

/**
 * What may be done with a log, of which the ledger may know only the one that had its name before. Where epochs began in that says nothing of this
 * one: by it, what a home wrote itself would pass for the other's, and be put over its rows. While the home is here nothing is mirrored into it, so
 * that all it holds is this home's own; else it is for the mirror to accept, which begins a generation.
 */
export function orderOfLog(
  log: { readonly topicId: string; readonly order: TopicOrder | undefined },
  partition: number,
  offset: bigint,
  applied: ReadonlyMap<number, RegionalOffset>,
  region: string,
): OrderDecision {
  const { order, topicId } = log;
  if (order === undefined || order.regionalTopicId === topicId || order.undecided !== undefined)
    return orderAt(order, partition, offset, applied, region);
  const newest = order.homeEpochs.toSorted((a, b) => b.epoch - a.epoch)[0];
  if (newest?.home === region) return { kind: 'pass', end: undefined };
  const accept = `farshore partition resume ${order.topic} --stage mirror --accept-recreated`;
  return { kind: 'wait', reason: `the topic was created again, which the mirror has yet to be told: ${accept}` };
}

const homeAt = (epochs: TopicOrder['homeEpochs'], partition: number, offset: bigint): HomeRange | undefined =>
  homeRanges(epochs, partition).find(({ start, end }) => start <= offset && (end === undefined || offset < end));

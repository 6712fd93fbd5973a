import type { TopicOrder } from './contracts.ts';

/** As a cluster publishes the home of a topic (C24). */
export interface PublishedEpoch {
  readonly home: string;
  readonly epoch: number;
  /** Where the epoch begins in the log of its home, by partition. */
  readonly fromOffsets: ReadonlyMap<number, bigint> | undefined;
}

/**
 * An order with what its own cluster publishes of a newer home. Beside the primary no cutover is recorded, and the ledger learns of a home with the
 * next topic that is carried here: after a revert it would say for all of the time that the home is where it was.
 *
 *     revert:   drained ── published here: home here, from offset n ── primary opened ── its application commits a, then b
 *     ledger:   (the other side) ................................................... record of a is read: put over b
 *
 * So records are of the home here from the offset that is published on. Another home that is newer has yet to be adopted by the mirror: until the
 * ledger knows it, with the time between, nothing of the topic is decided.
 */
export function asPublished(order: TopicOrder, published: PublishedEpoch | undefined, region: string): TopicOrder {
  const newest = order.homeEpochs.toSorted((a, b) => a.epoch - b.epoch).at(-1);
  if (published === undefined || newest === undefined || order.undecided !== undefined || published.epoch <= newest.epoch) return order;
  const { home, epoch, fromOffsets } = published;
  // It stayed here: where its first epoch since began is known.
  if (home === region && newest.home === region) return order;
  if (home !== region) return { ...order, undecided: `its home is ${home} since epoch ${epoch}, which the mirror has yet to record` };
  if (fromOffsets === undefined)
    return { ...order, undecided: `its home is ${home} since epoch ${epoch}, and nothing says from which offset on` };
  return {
    ...order,
    homeEpochs: [...order.homeEpochs, { epoch, home, starts: fromOffsets }],
    written: new Set([...order.written, epoch]),
  };
}

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
  if (published === undefined || order.homeEpochs.length === 0) return order;
  if (published.epoch <= Math.max(...order.homeEpochs.map((one) => one.epoch))) return order;
  const { home, epoch, fromOffsets } = published;
  if (home !== region || fromOffsets === undefined) return { ...order, homeEpochs: [] };
  return {
    ...order,
    homeEpochs: [...order.homeEpochs, { epoch, home, starts: fromOffsets }],
    written: new Set([...order.written, epoch]),
  };
}

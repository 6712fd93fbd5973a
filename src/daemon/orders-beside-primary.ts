import type { TopicOrders } from '../apply/contracts.ts';
import { asPublished } from '../apply/home-published.ts';
import type { PublishedHomes } from '../mirror/contracts.ts';

/** What both clusters of a daemon publish of homes: its own, and the one whose topics it carries. */
export interface HomesOfBoth {
  readonly here: PublishedHomes;
  readonly there: PublishedHomes;
}

/**
 * Orders of a daemon that serves the primary. What is published is read after the ledger, and so after the records that the orders are for: a move
 * publishes before it opens, so whoever has read a record of an epoch finds that epoch told.
 *
 * The other cluster is asked where the own one tells of a newer home here. A revert that falls back tells it alone, before the region is opened
 * again: by the own one's word, records that the region wrote since would be passed over.
 */
export const ordersBesidePrimary = (orders: TopicOrders, { here, there }: HomesOfBoth, region: string): TopicOrders => ({
  async load(topics, signal) {
    const known = await orders.load(topics, signal);
    if (known.length === 0) return known;
    const own = await here.read(signal);
    const told = known.map((order) => asPublished(order, own.get(order.topic), region));
    if (told.every((order, n) => order === known[n])) return known;
    const other = await there.read(signal);
    return told.map((order) => asPublished(order, other.get(order.topic), region));
  },
});

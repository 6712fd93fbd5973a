import type { TopicOrder, TopicOrders } from '../apply/contracts.ts';
import { asPublished } from '../apply/home-published.ts';
import type { PublishedHomes } from '../mirror/contracts.ts';
import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import { withinLimit } from '../model/time-limit.ts';

const LIMIT_MS = 5_000;

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
 * again: by the own one's word, records that the region wrote since would be passed over. While one of them does not answer, or says what cannot be
 * read, nothing is decided, and partitions wait for the next look: the primary's daemon neither halts for the region's cluster nor stands at it.
 */
export function ordersBesidePrimary(
  orders: TopicOrders,
  { here, there }: HomesOfBoth,
  region: string,
  clock: Pick<Clock, 'sleep'>,
): TopicOrders {
  const told = async (known: readonly TopicOrder[], homes: PublishedHomes, signal: AbortSignal): Promise<readonly TopicOrder[]> => {
    const undecided = (why: string) => known.map((order) => ({ ...order, undecided: `what is published of homes cannot be read: ${why}` }));
    try {
      const read = async (limited: AbortSignal) => {
        const published = await homes.read(limited);
        return known.map((order) => asPublished(order, published.get(order.topic), region));
      };
      return await withinLimit(read, LIMIT_MS, () => undecided(`no answer within ${LIMIT_MS} ms`), clock, signal);
    } catch (error) {
      const why = findFarshoreError(error);
      if (signal.aborted || why === undefined || why.action === 'halt') throw error;
      return undecided(why.message);
    }
  };
  return {
    async load(topics, signal) {
      const known = await orders.load(topics, signal);
      if (known.length === 0) return known;
      const own = await told(known, here, signal);
      const changed = own.filter((order, n) => order !== known[n] && order.undecided === undefined);
      if (changed.length === 0) return own;
      const asked = await told(changed, there, signal);
      return own.map((order) => asked[changed.indexOf(order)] ?? order);
    },
  };
}

import { FarshoreError } from '../model/errors.ts';
import type { TopicOrder } from './contracts.ts';
import { olderHomesEnd } from './home-ranges.ts';

/** The homes of a topic, as the transaction that moves a position sees them. */
export interface HomesNow {
  readonly homeEpochs: TopicOrder['homeEpochs'];
  /** Epochs of this region in which its applications have written, or are about to. */
  readonly written: ReadonlySet<number>;
  /** The cutover is bringing the home here. */
  readonly arriving: boolean;
}

/** Why no record before `end` is applied. `place` is the partition's. Rows come after the partition went on: a backfill waits where apply stands. */
export const ofOlderHome = (place: string, end: bigint): FarshoreError =>
  new FarshoreError(
    'home_older',
    `Records before ${end} are of an older home: they would go over what applications have written in this region since`,
    {
      hint: `What the table lacks comes by farshore backfill start --table TABLE, afterwards and while the primary is the home. To go on behind them: farshore partition resume ${place} --stage apply --from ${end} --accept-loss`,
    },
  );

/** Throws `request_invalid` where apply, going on from `next`, would bring records of an older home to rows that the region's applications have written. */
export function assertNoOlderHome(
  { topic, partition, from, next }: { readonly topic: string; readonly partition: number; readonly from: bigint; readonly next: bigint },
  homes: HomesNow,
  region: string,
): void {
  const place = `${topic}:${partition}`;
  const end = olderHomesEnd(homes, partition, region);
  if (next < end) {
    const message = `Records before ${end} are of an older home, and would go over what applications have written in this region since`;
    throw new FarshoreError('request_invalid', message, {
      place,
      hint: `farshore partition resume ${place} --stage apply --from ${end}, or from a later offset. What a table lacks comes by farshore audit repair, or by farshore backfill from the database, while the primary is the home.`,
    });
  }
  if (homes.arriving && next < from) {
    throw new FarshoreError(
      'request_invalid',
      `The home is moving here: what is read again from ${next} on may come after the region was opened`,
      {
        place,
        hint: `Resume it without --from, or ask again once the move has ended or was given up: farshore cutover plan shows where it is.`,
      },
    );
  }
}

import { FarshoreError } from '../model/errors.ts';
import type { FetchedPartition } from '../model/fetch.ts';
import type { Route } from './routes.ts';
import { checkTruncated, diverged } from './start-check.ts';

/** An answer to a fetch that holds no data. */
export type NoData = Exclude<FetchedPartition, { kind: 'batches' }>;

export interface SettleView {
  readonly route: Route;
  readonly partition: number;
  /** Home offset that was asked for. */
  readonly next: bigint;
  /** Start and end of the log as asked for after an `out_of_range`; undefined when it was not told. */
  readonly range: { readonly start: bigint; readonly end: bigint } | undefined;
  /** The answer before this one was out of range too, and the log held the offset then. */
  readonly again: boolean;
  readonly onTruncated: 'stop' | 'earliest';
}

export type Settled =
  /** Prove the log before it is read on (C6); without an epoch in the next fetch where the broker has none. */
  | { readonly kind: 'verify'; readonly forgetEpoch: boolean }
  /** The next look at the topics tells more. */
  | { readonly kind: 'look'; readonly reason: string }
  | { readonly kind: 'stop'; readonly error: FarshoreError; readonly lost: { readonly from: bigint; readonly to: bigint } | undefined };

/** What an answer without data means for its partition. */
export function settle(answer: NoData, { route, partition, next, range, again, onTruncated }: SettleView): Settled {
  const { regional: topic, home } = route;
  const place = `${topic}:${partition}`;
  const stop = (error: FarshoreError): Settled => ({ kind: 'stop', error, lost: undefined });
  switch (answer.kind) {
    case 'retry':
      // The broker went away or another one leads now.
      return { kind: 'verify', forgetEpoch: false };
    case 'diverging':
      return diverged({ topic, partition }, `its leader epoch ${answer.epoch} ends at ${answer.endOffset}`, answer.endOffset);
    case 'out_of_range': {
      const log = range ?? { start: answer.logStartOffset, end: answer.logEndOffset };
      const truncated = checkTruncated(topic, partition, next, log);
      if (truncated !== undefined)
        return onTruncated === 'earliest' ? { kind: 'look', reason: 'retention at home overtook the mirror' } : truncated;
      // The log holds the offset: the broker only lost its history of epochs, and the checksum judges. Or the log was cut, and grew to the
      // offset since it answered: then it is not out of range again, and the epoch that is sent once more is answered with the divergence.
      if (next <= log.end) return { kind: 'verify', forgetEpoch: again };
      return diverged({ topic, partition }, `the log ends at ${log.end}, before the position ${next}`, log.end);
    }
    case 'unknown_topic':
      // Deleted, or deleted and created again.
      return { kind: 'look', reason: `${home} is not known at home under its topic id` };
    case 'denied':
      return stop(
        new FarshoreError('cluster_denied', `The primary refuses to let Farshore read ${home}`, {
          place,
          hint: `Grant READ and DESCRIBE on topic ${home}: it is tried again every mirror.refreshSeconds, or at once by farshore partition resume ${place} --stage mirror`,
        }),
      );
    case 'corrupt':
      return stop(
        new FarshoreError('batch_corrupt', `The batch at offset ${answer.offset} cannot be read: ${answer.reason}`, {
          place: `${place}@${answer.offset}`,
          hint: `If the log at home cannot be mended: farshore partition resume ${place} --stage mirror --from OFFSET --accept-loss, with the first offset behind the batch.`,
        }),
      );
  }
}

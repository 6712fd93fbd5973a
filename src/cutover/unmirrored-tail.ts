import type { Clock } from '../model/clock.ts';
import type { LossBound } from '../model/cutover.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { Cutover } from './state.ts';
import type { MovingLogs, PartitionEnd } from './step-contracts.ts';

const LOOK_MS = 10_000;

export interface Tail {
  readonly topic: string;
  readonly partition: number;
  /** Offsets of the primary. */
  readonly from: bigint;
  readonly to: bigint;
}

export interface KeptTail extends Tail {
  /** When it was first seen, ISO 8601. */
  readonly foundAt: string;
}

export interface TailStore {
  /** Replaces what is known of these partitions. */
  keep(tails: readonly Tail[], signal: AbortSignal): Promise<void>;
  /** By topic and partition. */
  list(signal: AbortSignal): Promise<readonly KeptTail[]>;
}

/** What a primary that was given up holds and the region never had. A partition without a position had nothing mirrored. */
export const tailsOf = ({ partitions }: LossBound, ends: readonly PartitionEnd[]): readonly Tail[] =>
  ends.flatMap(({ topic, partition, highWatermark: to }) => {
    const known = partitions.find((one) => one.topic === topic && one.partition === partition);
    const from = BigInt(known?.mirrored ?? '0');
    return from < to ? [{ topic, partition, from, to }] : [];
  });

/**
 * Looks whether a primary that was given up answers again, and tells what in its log the region never had (C26). Nothing of it is carried
 * over: a human decides what becomes of records whose keys may have been written here since.
 */
export async function watchTail(
  parts: {
    readonly row: () => Cutover | undefined;
    readonly logs: Pick<MovingLogs, 'homeAsItIs'>;
    readonly store: Pick<TailStore, 'keep'>;
    readonly observe: Observe;
    readonly clock: Clock;
  },
  signal: AbortSignal,
): Promise<void> {
  const told = new Map<string, bigint>();
  for (;;) {
    const lost = parts.row()?.kept?.lost;
    if (lost != null) {
      try {
        const tails = tailsOf(lost, await parts.logs.homeAsItIs(signal));
        const fresh = tails.filter(({ topic, partition, to }) => told.get(`${topic}:${partition}`) !== to);
        if (fresh.length > 0) await parts.store.keep(fresh, signal);
        for (const { topic, partition, from, to } of fresh) {
          const known = told.get(`${topic}:${partition}`);
          parts.observe({ type: 'unmirrored_tail_found', topic, partition, from: known ?? from, to });
          told.set(`${topic}:${partition}`, to);
        }
      } catch (error) {
        const known = findFarshoreError(error);
        if (signal.aborted || known === undefined || known.action === 'halt') throw error;
        // It is still away, which others tell.
      }
    }
    await parts.clock.sleep(LOOK_MS, signal);
  }
}

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

/** Of what is kept, that which this loss left: what was found after an earlier one begins elsewhere. */
export const tailsLeftBy = ({ partitions }: LossBound, kept: readonly KeptTail[]): readonly KeptTail[] =>
  kept.filter(({ topic, partition, from }) => {
    const known = partitions.find((one) => one.topic === topic && one.partition === partition);
    return BigInt(known?.mirrored ?? '0') === from;
  });

/**
 * Looks whether a primary that was given up answers again, and tells what in its log the region never had (C26). Nothing of it is carried
 * over: a human decides what becomes of records whose keys may have been written here since. What was found stays found, also by a daemon that
 * starts later and while the primary is away again, until nothing is known as lost any more: the cutover was completed.
 */
export async function watchTail(
  parts: {
    readonly row: () => Cutover | undefined;
    readonly logs: Pick<MovingLogs, 'homeAsItIs'>;
    readonly store: TailStore;
    readonly observe: Observe;
    /** All that is kept of the loss, after each look. */
    readonly onKept: (tails: readonly KeptTail[]) => void;
    readonly clock: Clock;
  },
  signal: AbortSignal,
): Promise<void> {
  const told = new Map<string, bigint>();
  for (;;) {
    const row = parts.row();
    const lost = row?.kept?.lost;
    if (row !== undefined && lost == null) parts.onKept([]);
    if (lost != null) {
      await unlessAway(() => look(lost), signal);
      await unlessAway(async () => parts.onKept(tailsLeftBy(lost, await parts.store.list(signal))), signal);
    }
    await parts.clock.sleep(LOOK_MS, signal);
  }

  async function look(lost: LossBound): Promise<void> {
    const tails = tailsOf(lost, await parts.logs.homeAsItIs(signal));
    const fresh = tails.filter(({ topic, partition, to }) => told.get(`${topic}:${partition}`) !== to);
    if (fresh.length > 0) await parts.store.keep(fresh, signal);
    for (const { topic, partition, from, to } of fresh) {
      const known = told.get(`${topic}:${partition}`);
      parts.observe({ type: 'unmirrored_tail_found', topic, partition, from: known ?? from, to });
      told.set(`${topic}:${partition}`, to);
    }
  }
}

/** The primary is still away, or the database is, which others tell. */
async function unlessAway(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await work();
  } catch (error) {
    const known = findFarshoreError(error);
    if (signal.aborted || known === undefined || known.action === 'halt') throw error;
  }
}

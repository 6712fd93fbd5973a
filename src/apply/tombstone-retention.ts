import type { LagValue, PartitionState } from '../model/status.ts';

/**
 * How long a delete is remembered (C4). A tombstone keeps an older state of its row from coming back, so it must outlive
 * every record that may hold one: those the two logs still hold, and those apply keeps aside.
 *
 *     delete applied ── what came before it leaves both logs ── margin ── may go
 *                       └ retention.ms + segment.ms, or parked ┘
 */

/** Configs in force of one log a table is filled from; undefined where they could not be read. */
export interface SourceLog {
  readonly name: string;
  readonly configs: ReadonlyMap<string, string> | undefined;
}

export type TombstoneKeep =
  | { readonly kind: 'for'; readonly ms: number }
  /** Some log keeps records without a limit in time. */
  | { readonly kind: 'ever' }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface KeepRules {
  /** How long a record may be parked before it is applied. */
  readonly parkedMs: number;
  /** Above what the logs need: for clocks that differ, for brokers that delete late, and for what is not applied yet. */
  readonly marginMs: number;
}

/** Above it a retention is none: no such time can be written as an interval before now. */
const MOST_MS = 100 * 365 * 86_400_000;

export function tombstoneKeep(logs: readonly SourceLog[], { parkedMs, marginMs }: KeepRules): TombstoneKeep {
  if (logs.length === 0) return { kind: 'unknown', reason: 'it is filled from no topic' };
  let longestMs = parkedMs;
  let isEver = false;
  for (const { name, configs } of logs) {
    const keptMs = logKeepsMs(configs);
    if (keptMs === undefined) return { kind: 'unknown', reason: `how long ${name} keeps records could not be read` };
    if (keptMs > MOST_MS) isEver = true;
    longestMs = Math.max(longestMs, keptMs);
  }
  return isEver ? { kind: 'ever' } : { kind: 'for', ms: longestMs + marginMs };
}

/**
 * A broker deletes whole segments, and not the one that is written to: a record may stay for as long as a segment is
 * open beyond its retention. What retention.bytes ends earlier is not counted on. A log that is only compacted keeps the
 * newest state of a key for ever, and by a source version that may be an old one.
 */
function logKeepsMs(configs: ReadonlyMap<string, string> | undefined): number | undefined {
  const policies = configs?.get('cleanup.policy')?.split(',');
  if (configs === undefined || policies === undefined) return undefined;
  if (!policies.some((policy) => policy.trim() === 'delete')) return Number.POSITIVE_INFINITY;
  const retentionMs = wholeNumber(configs.get('retention.ms'));
  const segmentMs = wholeNumber(configs.get('segment.ms'));
  if (retentionMs === undefined || segmentMs === undefined) return undefined;
  return retentionMs < 0 ? Number.POSITIVE_INFINITY : retentionMs + segmentMs;
}

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;

/** Where one partition of a table's topics stands. */
export interface PartitionStanding {
  readonly topic: string;
  readonly partition: number;
  readonly mirror: PartitionState | undefined;
  readonly apply: PartitionState | undefined;
  /** From home to the database; undefined while not measured. */
  readonly total: LagValue | undefined;
}

/**
 * Why no tombstone of a table may go now, or undefined. Retention counts from when the delete was applied, and is worth
 * nothing for a record that waits unread: the partition it lies in stands still while the clock goes on. While all
 * partitions run and lag less than the margin, everything unread was written within the margin, and so after any delete
 * that is as old as the margin and more. Where it is not known, nothing goes: the next run looks again.
 */
export function whyNoneMayGo(topics: readonly string[], standings: readonly PartitionStanding[], marginMs: number): string | undefined {
  for (const topic of topics) {
    const ofTopic = standings.filter((standing) => standing.topic === topic);
    if (ofTopic.length === 0) return `no partition of ${topic} is applied`;
    for (const { partition, mirror, apply, total } of ofTopic) {
      const place = `${topic}:${partition}`;
      if (mirror !== 'running') return `${place} is ${mirror ?? 'not mirrored'} (mirror)`;
      if (apply !== 'running') return `${place} is ${apply ?? 'not applied'} (apply)`;
      if (total === undefined || !total.known || total.seconds === null) return `the lag of ${place} is not known`;
      if (total.seconds * 1_000 >= marginMs) return `${place} lags ${Math.round(total.seconds)} s`;
    }
  }
  return undefined;
}

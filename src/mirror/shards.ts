import { FarshoreError } from '../model/errors.ts';

/** How the partitions of a mirror are divided (C13): the name of the function is recorded with the count. */
export interface Sharding {
  readonly shards: number;
  readonly function: string;
}

/** As it is recorded. */
export interface RecordedSharding extends Sharding {
  /** What it is being changed to: the old shards may not be fenced yet. */
  readonly next?: number | undefined;
}

/** The one function there is. Another way to divide needs another name, so that no two daemons divide differently. */
export const SHARD_FUNCTION = 'fmix32(fnv1a32(topic:partition))';

/** The shard that mirrors a regional partition: the same in every daemon and every version. */
export function shardOf(topic: string, partition: number, shards: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${topic}:${partition}`, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  // Low bits of FNV depend on low bits of the text alone: without the mixing most topics would share their pattern.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % shards;
}

export type ShardDecision =
  | { readonly kind: 'keep' }
  /** Fence the transactional ids of these shards, then record the new division, then start. */
  | { readonly kind: 'change'; readonly fence: readonly number[] };

/** What to do before the first shard starts. Throws `shards_unknown` for a division this version cannot end safely. */
export function decideShards(recorded: RecordedSharding | undefined, shards: number, primary: string): ShardDecision {
  if (recorded === undefined) return { kind: 'change', fence: [] };
  if (recorded.function !== SHARD_FUNCTION) {
    throw new FarshoreError(
      'shards_unknown',
      `The mirror of ${primary} is divided among shards by ${recorded.function}, which this version does not know`,
      { place: 'farshore.shards', hint: 'Run the Farshore that recorded it, or a newer one.' },
    );
  }
  if (recorded.shards === shards && recorded.next === undefined) return { kind: 'keep' };
  return { kind: 'change', fence: Array.from({ length: recorded.shards }, (_, shard) => shard) };
}

/** Why no shard of `shards` may be worked on, by what is recorded; undefined: it may. */
export function divisionStands(recorded: RecordedSharding | undefined, shards: number): string | undefined {
  if (recorded === undefined) return 'the division among shards was not recorded yet';
  if (recorded.next !== undefined) return `the division among ${recorded.shards} shards is being changed to ${recorded.next}`;
  if (recorded.function !== SHARD_FUNCTION) return `the partitions are divided by ${recorded.function}`;
  return recorded.shards === shards
    ? undefined
    : `the partitions are divided among ${recorded.shards} shards, and mirror.shards is ${shards}`;
}

import { offsetValue, type RegionalOffset } from './offsets.ts';

/**
 * Generations of a topic (CORRECTNESS C1). Each starts at one regional offset a partition. It rises
 * when the partition count grows, when the home's or the regional topic gets a new topic id, and when
 * an operator accepts a rewind.
 */
export interface Generation {
  readonly generation: number;
  /** First regional offset of the generation, by partition; a partition that is missing is unknown yet. */
  readonly starts: ReadonlyMap<number, RegionalOffset>;
}

/**
 * The generation a record belongs to and where that generation ends in the partition, or undefined
 * while the ledger does not know the partition: then nothing of it may be applied yet.
 */
export function generationAt(
  generations: readonly Generation[],
  partition: number,
  offset: RegionalOffset,
): { readonly generation: number; readonly end: RegionalOffset | undefined } | undefined {
  let found: number | undefined;
  let end: RegionalOffset | undefined;
  for (const { generation, starts } of generations) {
    const start = starts.get(partition);
    if (start === undefined) continue;
    if (start <= offset) {
      found = generation;
      end = undefined;
    } else if (end === undefined) {
      end = start;
    }
  }
  return found === undefined ? undefined : { generation: found, end };
}

/**
 * The barrier of C1: a record of `generation` may be applied only when every partition has applied up
 * to that generation's start. Otherwise a key that moved from p1@1,000,000 to p9@5 would be overwritten
 * by what is still unread in p1, or be called stale for ever.
 *
 * Returns the partitions that are still short of it.
 */
export function barrierWaitsFor(
  generations: readonly Generation[],
  generation: number,
  applied: ReadonlyMap<number, RegionalOffset>,
): readonly number[] {
  const starts = generations.find((g) => g.generation === generation)?.starts;
  if (starts === undefined) return [];
  const waits: number[] = [];
  for (const [partition, start] of starts) {
    const next = applied.get(partition);
    if (offsetValue(start) > 0n && (next === undefined || next < start)) waits.push(partition);
  }
  return waits;
}

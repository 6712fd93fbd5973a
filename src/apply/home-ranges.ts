import type { TopicOrder } from './contracts.ts';

export interface HomeRange {
  readonly epoch: number;
  readonly home: string;
  readonly start: bigint;
  /** Undefined: it goes on. */
  readonly end: bigint | undefined;
}

/**
 * What of a partition's log is of which home, by epoch; nothing where it ends before it starts. The first epoch starts at 0. A later one without a
 * start for the partition is older than the partition: it holds all of it.
 */
export function homeRanges(epochs: TopicOrder['homeEpochs'], partition: number): readonly HomeRange[] {
  const ordered = [...epochs].sort((a, b) => a.epoch - b.epoch);
  const starts = ordered.map((one, index) => (index === 0 ? 0n : (one.starts.get(partition) ?? 0n)));
  return ordered.map(({ epoch, home }, index) => {
    const end = starts.slice(index + 1).reduce<bigint | undefined>(earlier, undefined);
    return { epoch, home, start: starts[index]!, end };
  });
}

/**
 * Where the last record ends that is of another home and of an epoch before one in which the region's applications wrote; 0 where there is none. Each of
 * them may go over what they wrote: a row that they deleted has left no remembered delete, one that they made has no version, and
 * only one that they changed in place still has the version that keeps older records from it.
 */
export function olderHomesEnd(
  { homeEpochs, written }: { readonly homeEpochs: TopicOrder['homeEpochs']; readonly written: ReadonlySet<number> },
  partition: number,
  region: string,
): bigint {
  const lastWritten = Math.max(...written);
  const older = homeRanges(homeEpochs, partition).filter(
    ({ epoch, home, start, end }) => home !== region && epoch < lastWritten && end !== undefined && end > start,
  );
  return (
    older
      .map(({ end }) => end!)
      .toSorted((a, b) => (a < b ? -1 : 1))
      .at(-1) ?? 0n
  );
}

export const earlier = (a: bigint | undefined, b: bigint | undefined): bigint | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
};

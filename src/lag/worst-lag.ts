import type { LagSnapshot } from './lag-loop.ts';

/** Total lag of the applied partition that is furthest behind; undefined while one of them is not known, and where none is applied. */
export function worstLagSeconds({ partitions }: Pick<LagSnapshot, 'partitions'>): number | undefined {
  let most: number | undefined;
  for (const { lag } of partitions) {
    if (lag.apply === null) continue;
    if (lag.total?.seconds === undefined || lag.total.seconds === null) return undefined;
    most = Math.max(most ?? 0, lag.total.seconds);
  }
  return most;
}

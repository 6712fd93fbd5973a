import type { LagSnapshot } from './lag-loop.ts';

/** Lag, total or that of apply alone, of the applied partition that is furthest behind; undefined while one of them is not known, and where none is applied. */
export function worstLagSeconds({ partitions }: Pick<LagSnapshot, 'partitions'>, stage: 'total' | 'apply' = 'total'): number | undefined {
  let most: number | undefined;
  for (const { lag } of partitions) {
    if (lag.apply === null) continue;
    const seconds = lag[stage]?.seconds;
    if (seconds === undefined || seconds === null) return undefined;
    most = Math.max(most ?? 0, seconds);
  }
  return most;
}

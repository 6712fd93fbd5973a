import type { Admin } from 'kafkajs';
import type pg from 'pg';
import { appliedRecords, rowCount } from './compare.ts';
import { tables, topicOf } from './domain.ts';

export interface Progress {
  readonly produced: number;
  /** Home records covered by positions that are committed in the region. */
  readonly mirrored: number;
  /** Records covered by positions that are committed in the regional database. */
  readonly applied: number;
  readonly primaryRows: number;
  readonly regionRows: number;
  /** Worst total lag of the billing partitions; undefined while unknown. */
  readonly lagSeconds: number | undefined;
}

export interface ProgressSources {
  readonly produced: () => number;
  readonly regionalAdmin: Admin;
  readonly group: string;
  readonly primary: pg.Client;
  readonly region: pg.Client;
  readonly adminUrl: string;
}

/** kafkajs and SQL say how far the daemon is: not the daemon itself. Only the lag is its own word. */
export async function readProgress(sources: ProgressSources): Promise<Progress> {
  const [mirrored, applied, primaryRows, regionRows, lagSeconds] = await Promise.all([
    mirroredRecords(sources),
    appliedRecords(sources.region),
    rowCount(sources.primary),
    rowCount(sources.region),
    worstLag(sources.adminUrl),
  ]);
  return { produced: sources.produced(), mirrored, applied, primaryRows, regionRows, lagSeconds };
}

/** The demo's topics have neither markers nor gaps at home, so a position counts the records before it. */
export async function mirroredRecords({ regionalAdmin, group }: Pick<ProgressSources, 'regionalAdmin' | 'group'>): Promise<number> {
  const topics = await regionalAdmin.fetchOffsets({ groupId: group, topics: tables.map(topicOf) }).catch(() => []);
  return topics.flatMap((topic) => topic.partitions).reduce((sum, partition) => sum + Math.max(0, Number(partition.offset)), 0);
}

interface LagAnswer {
  readonly partitions: readonly {
    readonly topic: string;
    readonly lag: { readonly total: { readonly known: boolean; readonly seconds: number | null } | null };
  }[];
}

async function worstLag(adminUrl: string): Promise<number | undefined> {
  const answer = await fetch(`${adminUrl}/api/status`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  const { partitions } = (await answer.json()) as LagAnswer;
  const lags = partitions.filter((p) => p.topic.startsWith('billing.')).map((p) => p.lag.total);
  if (lags.length === 0 || lags.some((lag) => lag?.known !== true || lag.seconds === null)) return undefined;
  return Math.max(...lags.map((lag) => lag?.seconds ?? 0));
}

export const progressLine = ({ produced, mirrored, applied, primaryRows, regionRows, lagSeconds }: Progress): string =>
  [
    `produced ${produced}`,
    `mirrored ${mirrored}`,
    `applied ${applied}`,
    `primary rows ${primaryRows}`,
    `region rows ${regionRows}`,
    `lag ${lagSeconds === undefined ? 'unknown' : `${lagSeconds.toFixed(1)} s`}`,
  ].join(' · ');

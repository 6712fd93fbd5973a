import type { ActiveView } from '../model/cutover.ts';
import type { LagStage, LagSummary, LiveSample, LiveStatus, lagStages } from '../model/live.ts';
import type { LagValue, PartitionState, PartitionStatus } from '../model/status.ts';
import { type Judged, judge } from './verdict.ts';

/** What records per second are told from: two counts and the time between them. */
export interface Counted {
  readonly atMs: number;
  readonly mirrored: bigint;
  readonly applied: bigint;
}

export const countedNow = ({ status }: Judged, atMs: number): Counted => ({
  atMs,
  mirrored: BigInt(status.counters.mirroredRecords),
  applied: BigInt(status.counters.appliedRecords),
});

/** A point of the charts. A daemon that is not active measures nothing, and nothing is known of the time before the first count. */
export function sampleOf({ status }: Judged, now: Counted, before: Counted | undefined, wallMs: number): LiveSample {
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1_000;
  const rate = (count: (counted: Counted) => bigint): number | null =>
    before === undefined || seconds <= 0 || status.role !== 'active' ? null : Number(count(now) - count(before)) / seconds;
  const worst = (stage: LagStage): number | null => {
    const { partitions, unknown, worstSeconds } = lagSummary(status.partitions, stage);
    return partitions === 0 || unknown > 0 ? null : worstSeconds;
  };
  return {
    atMs: wallMs,
    mirroredPerSecond: rate(({ mirrored }) => mirrored),
    appliedPerSecond: rate(({ applied }) => applied),
    lagSeconds: { mirror: worst('mirror'), apply: worst('apply'), total: worst('total') },
  };
}

export function liveStatus(judged: Judged, sample: LiveSample, cutover: ActiveView | null): LiveStatus {
  const { status, audit, shadow, backfills, outbox } = judged;
  const { region, primary, version, role, startedAt, leaseEpoch, components, heartbeat, counters, rejected } = status;
  const summary = (stage: LagStage): LagSummary => lagSummary(status.partitions, stage);
  return {
    at: new Date(sample.atMs).toISOString(),
    ...{ region, primary, version, role, startedAt, leaseEpoch, components, heartbeat, counters, rejected },
    verdict: judge(judged),
    sample,
    lag: { mirror: summary('mirror'), apply: summary('apply'), total: summary('total') } satisfies Record<
      (typeof lagStages)[number],
      unknown
    >,
    states: { mirror: countStates(status.partitions, 'mirror'), apply: countStates(status.partitions, 'apply') },
    tables: {
      applying: status.tables.filter(({ state }) => state === 'applying').length,
      stopped: status.tables.filter(({ state }) => state === 'stopped').length,
    },
    divergentRows:
      audit.enabled && audit.known && audit.tables.some(({ passAgeSeconds, openPass }) => passAgeSeconds !== null || openPass !== null)
        ? audit.tables.reduce((sum, { divergent: { missing, extra, changed } }) => sum + missing + extra + changed, 0)
        : null,
    audit: {
      enabled: audit.enabled,
      tables: audit.tables.length,
      compared: audit.tables.filter(({ passAgeSeconds }) => passAgeSeconds !== null).length,
      activity: audit.activity,
    },
    shadow: {
      comparing: shadow.comparing,
      samples: shadow.total.samples,
      ratio: shadow.total.ratio,
      lowerBound: shadow.total.lowerBound,
      mismatches: shadow.total.counts.mismatch,
    },
    backfills: {
      open: backfills.backfills.filter(({ state }) => state === 'running' || state === 'paused' || state === 'settling').length,
      failed: backfills.backfills.filter(({ state }) => state === 'failed').length,
    },
    outbox,
    cutover,
  };
}

function lagSummary(partitions: readonly PartitionStatus[], stage: LagStage): LagSummary {
  const lags = partitions.flatMap(({ lag }) => (lag[stage] === null ? [] : [lag[stage]]));
  const known = lags.filter(isKnown);
  return {
    partitions: lags.length,
    unknown: lags.length - known.length,
    worstSeconds: known.length === 0 ? null : Math.max(...known.map(({ seconds }) => seconds)),
    records: known.length === 0 ? null : String(known.reduce((sum, { records }) => sum + BigInt(records ?? 0), 0n)),
  };
}

const isKnown = (lag: LagValue): lag is LagValue & { readonly seconds: number } => lag.known && lag.seconds !== null;

function countStates(partitions: readonly PartitionStatus[], stage: 'mirror' | 'apply'): Readonly<Record<PartitionState, number>> {
  const counts: Record<PartitionState, number> = { running: 0, waiting: 0, paused: 0, stopped: 0 };
  for (const partition of partitions) {
    const state = partition[stage]?.state;
    if (state !== undefined) counts[state]++;
  }
  return counts;
}

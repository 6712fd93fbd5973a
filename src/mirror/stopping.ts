import { type ErrorCode, FarshoreError } from '../model/errors.ts';
import type { FarshoreEvent } from '../model/events.ts';
import type { PartitionStop } from './contracts.ts';
import type { MirrorDependencies } from './dependencies.ts';
import type { MirrorPartition, PartitionMode } from './partition.ts';

/**
 * Stops that no check ends, nor any stop that comes over them and is mended by itself: what shows them may be gone by then. Retention or compaction
 * takes the batch that differed; markers of what was aborted make a regional log longer that was cut.
 */
const decidedByOperator: ReadonlySet<string> = new Set(['source_diverged', 'region_truncated']);
/** With another log under its name nothing of the one before is to be decided. */
const ofAnotherLog: ReadonlySet<ErrorCode> = new Set(['source_recreated', 'region_recreated']);

export const isDecidedByOperator = (code: string): code is ErrorCode => decidedByOperator.has(code);

/** A stop that stands, in the mode that its partition has by it. */
export interface StandingStop {
  readonly topic: string;
  readonly partition: number;
  readonly mode: Extract<PartitionMode, { mode: 'stopped' }>;
}

/** Of the recorded ones those that no check ends. */
export const standingStops = (stops: readonly PartitionStop[]): readonly StandingStop[] =>
  stops.flatMap(({ topic, partition, state, code, message, hint, since }) => {
    if (state !== 'stopped' || !isDecidedByOperator(code)) return [];
    const error = new FarshoreError(code, message, hint === undefined ? {} : { hint });
    return [{ topic, partition, mode: { mode: 'stopped', error, since } }];
  });

type Lost = { readonly from: bigint; readonly to: bigint } | undefined;

/** Stops a partition: mode, event and ledger say the same. Saying it again with the same code changes nothing. */
export async function stopPartition(
  partition: MirrorPartition,
  error: FarshoreError,
  lost: Lost,
  deps: Pick<MirrorDependencies, 'stops' | 'observe' | 'clock'>,
  signal: AbortSignal,
): Promise<void> {
  const stop = tellStopped(partition, error, lost, deps);
  if (stop !== undefined) await deps.stops.put(stop, signal);
}

/** As `stopPartition`, where the ledger is written later: answers what is to be recorded, if anything is. */
export function tellStopped(
  partition: MirrorPartition,
  error: FarshoreError,
  lost: Lost,
  deps: Pick<MirrorDependencies, 'observe' | 'clock'>,
): PartitionStop | undefined {
  const told = setStopped(partition, error, lost, deps);
  if (told !== undefined) deps.observe(told.event);
  return told?.stop;
}

/** A stop that is to be recorded, and told. */
export interface UntoldStop {
  readonly stop: PartitionStop;
  readonly event: FarshoreEvent;
}

/** As `tellStopped`, where it is told later too. */
export function setStopped(
  partition: MirrorPartition,
  error: FarshoreError,
  lost: Lost,
  { clock }: Pick<MirrorDependencies, 'clock'>,
): UntoldStop | undefined {
  const { mode, retrying } = partition;
  if (mode.mode === 'paused' || (mode.mode === 'stopped' && mode.error.code === error.code)) return undefined;
  if (mode.mode === 'stopped' && isDecidedByOperator(mode.error.code) && !ofAnotherLog.has(error.code)) return undefined;
  if (retrying?.error.code === error.code) {
    partition.setMode({ ...retrying, error, lost });
    partition.rewindToCommitted();
    return undefined;
  }
  const since = new Date(clock.wallMs()).toISOString();
  partition.setMode({ mode: 'stopped', error, since, lost });
  partition.rewindToCommitted();
  const { code, message, hint } = error;
  const at = { stage: 'mirror', topic: partition.route.regional, partition: partition.partition } as const;
  return {
    stop: { ...at, state: 'stopped', code, message, hint, since },
    event: { type: 'partition_stopped', ...at, code, message, hint, lostFrom: lost?.from, lostTo: lost?.to },
  };
}

/** A partition that was tried again has read on: what was said and recorded of its stop is taken back. */
export async function noteWentOn(
  partition: MirrorPartition,
  { stops, observe }: Pick<MirrorDependencies, 'stops' | 'observe'>,
  signal: AbortSignal,
): Promise<void> {
  const { retrying } = partition;
  if (retrying === undefined) return;
  const at = { stage: 'mirror', topic: partition.route.regional, partition: partition.partition } as const;
  const { code } = retrying.error;
  await stops.record({ ...at, action: 'resume', by: 'mended', code, lostFrom: undefined, lostTo: undefined, options: {} }, signal);
  await stops.clear('mirror', at.topic, at.partition, signal);
  partition.wentOn();
  observe({ type: 'partition_resumed', ...at, by: 'mended' });
}

import type { FarshoreError } from '../model/errors.ts';
import type { PartitionStop } from './contracts.ts';
import type { MirrorDependencies } from './dependencies.ts';
import type { MirrorPartition } from './partition.ts';

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
  { observe, clock }: Pick<MirrorDependencies, 'observe' | 'clock'>,
): PartitionStop | undefined {
  const { mode, retrying } = partition;
  if (mode.mode === 'paused' || (mode.mode === 'stopped' && mode.error.code === error.code)) return undefined;
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
  observe({ type: 'partition_stopped', ...at, code, message, hint, lostFrom: lost?.from, lostTo: lost?.to });
  return { ...at, state: 'stopped', code, message, hint, since };
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

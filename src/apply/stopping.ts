import type { FarshoreError } from '../model/errors.ts';
import { untilDone } from './back-off.ts';
import type { ApplyDependencies } from './dependencies.ts';
import type { ApplyPartition } from './partition.ts';

/** Stops a partition: mode, event and ledger say the same. Saying it again with the same code changes nothing. */
export async function stopPartition(
  partition: ApplyPartition,
  error: FarshoreError,
  lost: { readonly from: bigint; readonly to: bigint } | undefined,
  { stops, observe, clock, random }: Pick<ApplyDependencies, 'stops' | 'observe' | 'clock' | 'random'>,
  signal: AbortSignal,
): Promise<void> {
  const { mode, retrying, topic } = partition;
  if (mode.mode === 'paused' || (mode.mode === 'stopped' && mode.error.code === error.code)) return;
  if (retrying?.error.code === error.code) {
    partition.setMode({ ...retrying, error, lost });
    return;
  }
  const since = new Date(clock.wallMs()).toISOString();
  partition.setMode({ mode: 'stopped', error, since, lost });
  const { code, message, hint } = error;
  const at = { stage: 'apply', topic, partition: partition.partition } as const;
  observe({ type: 'partition_stopped', ...at, code, message, hint, lostFrom: lost?.from, lostTo: lost?.to });
  const retried = (failure: FarshoreError, delayMs: number) =>
    observe({ type: 'apply_retried', topic, partition: partition.partition, code: failure.code, sqlState: undefined, delayMs });
  await untilDone(() => stops.put({ ...at, state: 'stopped', code, message, hint, since }, signal), { clock, random, retried }, signal);
}

/** A partition that was tried again has gone on: what was said and recorded of its stop is taken back. */
export async function noteWentOn(
  partition: ApplyPartition,
  { stops, observe }: Pick<ApplyDependencies, 'stops' | 'observe'>,
  signal: AbortSignal,
): Promise<void> {
  const { retrying, topic } = partition;
  if (retrying === undefined) return;
  // First, so that the next commit does not tell it again while this one is being recorded.
  partition.wentOn();
  const at = { stage: 'apply', topic, partition: partition.partition } as const;
  const { code } = retrying.error;
  observe({ type: 'partition_resumed', ...at, by: 'mended' });
  await stops.record({ ...at, action: 'resume', by: 'mended', code, lostFrom: undefined, lostTo: undefined, options: {} }, signal);
  await stops.clear('apply', topic, partition.partition, signal);
}

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
  const { mode, topic } = partition;
  if (mode.mode === 'paused' || (mode.mode === 'stopped' && mode.error.code === error.code)) return;
  const since = new Date(clock.wallMs()).toISOString();
  partition.setMode({ mode: 'stopped', error, since });
  const { code, message, hint } = error;
  const at = { stage: 'apply', topic, partition: partition.partition } as const;
  observe({ type: 'partition_stopped', ...at, code, message, hint, lostFrom: lost?.from, lostTo: lost?.to });
  const retried = (failure: FarshoreError, delayMs: number) =>
    observe({ type: 'apply_retried', topic, partition: partition.partition, code: failure.code, sqlState: undefined, delayMs });
  await untilDone(() => stops.put({ ...at, state: 'stopped', code, message, hint, since }, signal), { clock, random, retried }, signal);
}

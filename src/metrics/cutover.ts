import { type CutoverState, cutoverStates, type GateReading } from '../model/cutover.ts';
import type { Metrics } from './metrics.ts';

export interface MeasuredCutover {
  /** Undefined while it was not read. */
  readonly state: CutoverState | undefined;
  /** Undefined while they are not read, or were too long ago. */
  readonly gates: readonly Pick<GateReading, 'gate' | 'open'>[] | undefined;
}

/** Set anew for each scrape: gates that are not read any more leave no sample that looks like one of now. */
export function measureCutover(metrics: Metrics, { state, gates }: MeasuredCutover): void {
  metrics.clear('farshore_gate_open');
  metrics.clear('farshore_cutover_state');
  for (const { gate, open } of gates ?? []) metrics.set('farshore_gate_open', { gate }, open ? 1 : 0);
  if (state === undefined) return;
  for (const one of cutoverStates) metrics.set('farshore_cutover_state', { state: one }, one === state ? 1 : 0);
}

interface MeasuredTail {
  readonly topic: string;
  readonly from: bigint;
  readonly to: bigint;
}

/** From what is kept, and no counter alone: a daemon that starts anew finds nothing fresh while the primary is away again. */
export function measureUnmirroredTail(metrics: Metrics, tails: readonly MeasuredTail[]): void {
  metrics.clear('farshore_unmirrored_tail_kept_records');
  for (const [topic, ofTopic] of Map.groupBy(tails, (tail) => tail.topic))
    metrics.set(
      'farshore_unmirrored_tail_kept_records',
      { topic },
      ofTopic.reduce((sum, { from, to }) => sum + (to - from), 0n),
    );
}

import { type ErrorCode, FarshoreError } from '../model/errors.ts';
import { homeOffset, offsetValue } from '../model/offsets.ts';
import type { MirrorDependencies } from './dependencies.ts';
import type { MirrorPartition } from './partition.ts';

const HELD = 'its topic was created again';
const OF_THE_TOPIC: ReadonlySet<ErrorCode> = new Set(['topic_missing', 'source_recreated']);

/** What the old log still held beyond the position when it was seen last: the least that is lost with it. */
export function unmirrored({ committed, end }: MirrorPartition): { readonly from: bigint; readonly to: bigint } | undefined {
  if (committed === undefined || end === undefined || end <= committed.next) return undefined;
  return { from: offsetValue(committed.next), to: offsetValue(end) };
}

/** Whatever still reads must not carry an offset of the old log into the new one: its start is judged first. */
export function holdPartitions(partitions: readonly MirrorPartition[], reason: string = HELD): void {
  for (const partition of partitions) {
    if (partition.mode.mode === 'running' || partition.mode.mode === 'verify') partition.setMode({ mode: 'held', reason });
  }
}

/** `mirror.onRecreated: restart` goes on by itself; what is lost is still said, counted and recorded. */
export async function recordRestart(
  partitions: readonly MirrorPartition[],
  { stops, observe }: Pick<MirrorDependencies, 'stops' | 'observe'>,
  signal: AbortSignal,
): Promise<void> {
  for (const partition of partitions) {
    // Being tried again, it has not left its stop yet: this decides instead.
    if (partition.retrying !== undefined) partition.setMode(partition.retrying);
    const { route, mode } = partition;
    // What stopped for a reason of its own waits for an operator still.
    if (mode.mode === 'paused' || (mode.mode === 'stopped' && !OF_THE_TOPIC.has(mode.error.code))) continue;
    const at = { stage: 'mirror', topic: route.regional, partition: partition.partition } as const;
    const lost = unmirrored(partition);
    const { code, message } = new FarshoreError('source_recreated', `${route.home} was deleted and created again at home`);
    observe({ type: 'partition_stopped', ...at, code, message, hint: undefined, lostFrom: lost?.from, lostTo: lost?.to });
    await stops.record(
      {
        ...at,
        action: 'resume',
        by: 'mirror.onRecreated',
        code,
        lostFrom: lost === undefined ? undefined : homeOffset(lost.from),
        lostTo: lost === undefined ? undefined : homeOffset(lost.to),
        options: { onRecreated: 'restart' },
      },
      signal,
    );
    // Between its deletion and its creation the topic was missing, and stopped for that.
    if (partition.mode.mode === 'stopped') {
      await stops.clear('mirror', at.topic, at.partition, signal);
      partition.setMode({ mode: 'held', reason: HELD });
    }
    observe({ type: 'partition_resumed', ...at, by: 'mirror.onRecreated' });
  }
}

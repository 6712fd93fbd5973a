import { FarshoreError } from '../model/errors.ts';
import { regionalOffset } from '../model/offsets.ts';
import type { Assignment } from './assignment.ts';
import type { ApplyAction, ApplyDependencies, ApplySettings } from './dependencies.ts';
import type { RejectFloods } from './flood.ts';
import type { ApplyPartition } from './partition.ts';
import { decideResume, type ResumeRequest } from './resume.ts';
import type { PartitionTable } from './table.ts';
import type { TableCatalog } from './table-catalog.ts';

export interface CommandContext {
  readonly deps: ApplyDependencies;
  readonly settings: Pick<ApplySettings, 'epoch'>;
  readonly partitions: PartitionTable;
  readonly assignment: Assignment;
  readonly catalog: TableCatalog;
  readonly floods: RejectFloods;
}

/** The partitions a command means. Throws `request_invalid` when there are none. */
export function partitionsMeant(partitions: PartitionTable, topic: string, partition: number | undefined): readonly ApplyPartition[] {
  const meant = partitions.ofTopic(topic).filter((p) => partition === undefined || p.partition === partition);
  if (meant.length > 0) return meant;
  const place = partition === undefined ? topic : `${topic}:${partition}`;
  throw new FarshoreError('request_invalid', `${place} is not applied here`, { place, hint: 'farshore partition list shows what is.' });
}

/** Pauses after the transaction in hand. Pausing what is paused changes nothing. */
export async function pausePartition(partition: ApplyPartition, by: string, { deps }: CommandContext, signal: AbortSignal): Promise<void> {
  if (partition.mode.mode === 'paused') return;
  const at = { stage: 'apply', topic: partition.topic, partition: partition.partition } as const;
  const since = new Date(deps.clock.wallMs()).toISOString();
  const hint = `farshore partition resume ${partition.place} --stage apply`;
  await deps.stops.record({ ...at, action: 'pause', by, code: undefined, lostFrom: undefined, lostTo: undefined, options: {} }, signal);
  await deps.stops.put({ ...at, state: 'paused', code: 'partition_paused', message: by, hint, since }, signal);
  partition.setMode({ mode: 'paused', by, since });
  await partition.idle();
  deps.observe({ type: 'partition_paused', ...at, by });
}

/** Throws `request_invalid` when it cannot be done as asked; then nothing has changed. */
export async function resumePartition(
  partition: ApplyPartition,
  request: ResumeRequest,
  context: CommandContext,
  signal: AbortSignal,
): Promise<void> {
  const { deps, settings, assignment, catalog, floods } = context;
  const { place, topic, partition: number, topicId } = partition;
  // Being tried again is no running: the command decides instead.
  if (partition.retrying !== undefined) partition.setMode(partition.retrying);
  if (partition.active) {
    if (request.from === undefined) return;
    throw new FarshoreError('request_invalid', `${place} is running`, {
      place,
      hint: `farshore partition pause ${place} --stage apply, then resume it.`,
    });
  }
  await partition.idle();
  const position = await deps.positions.read(topic, number, signal);
  const [log] = await deps.source.ends([{ topic, partition: number }], signal);
  if (position === undefined || log === undefined) {
    const what = position === undefined ? 'has no position' : 'does not answer in the regional cluster';
    throw new FarshoreError('request_invalid', `${place} ${what}`, { place, hint: 'Ask again once it does; farshore check tells more.' });
  }
  const decision = decideResume(request, { position, topicId, log });
  if (decision.kind === 'refuse') throw decision.error;
  const action = actionOf(partition, request, decision.kind === 'move' ? decision.lost : undefined);
  if (decision.kind === 'recheck') {
    await deps.stops.record(action, signal);
  } else {
    const move = { topic, partition: number, topicId, expected: position.next, expectedTopicId: position.topicId };
    await deps.movePosition({ ...move, next: regionalOffset(decision.next), epoch: settings.epoch, action }, signal);
  }
  await deps.stops.clear('apply', topic, number, signal);
  for (const table of catalog.tablesOf(topic)) {
    catalog.forget(table);
    floods.forget(table);
  }
  await assignment.takeAgain(partition, signal);
  partition.setMode({ mode: 'held', reason: 'resumed, its log is being proved' });
  deps.observe({ type: 'partition_resumed', stage: 'apply', topic, partition: number, by: request.by });
}

function actionOf(
  { topic, partition, mode }: ApplyPartition,
  { from, by, acceptLoss, acceptRecreated }: ResumeRequest,
  lost: { readonly from: bigint; readonly to: bigint } | undefined,
): ApplyAction {
  return {
    action: 'resume',
    stage: 'apply',
    topic,
    partition,
    by,
    code: mode.mode === 'stopped' ? mode.error.code : undefined,
    lostFrom: lost === undefined ? undefined : regionalOffset(lost.from),
    lostTo: lost === undefined ? undefined : regionalOffset(lost.to),
    options: {
      ...(from === undefined ? {} : { from: String(from) }),
      ...(acceptLoss ? { acceptLoss } : {}),
      ...(acceptRecreated ? { acceptRecreated } : {}),
    },
  };
}

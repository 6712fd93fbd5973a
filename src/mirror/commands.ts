import { FarshoreError } from '../model/errors.ts';
import { homeOffset, offsetValue } from '../model/offsets.ts';
import type { MirrorDependencies } from './dependencies.ts';
import { offsetsOfEpoch } from './epoch-starts.ts';
import type { KeptEnd } from './old-position.ts';
import type { MirrorPartition } from './partition.ts';
import { readEnds } from './partition-start.ts';
import { unmirrored } from './recreated.ts';
import { decideResume, type ResumeRequest } from './resume.ts';
import { isDecidedByOperator } from './stopping.ts';
import type { PartitionTable } from './table.ts';
import type { TopicRefresh } from './topic-refresh.ts';

export type PartitionCommand =
  | { readonly kind: 'pause'; readonly topic: string; readonly partition: number | undefined; readonly by: string }
  | { readonly kind: 'resume'; readonly topic: string; readonly partition: number | undefined; readonly request: ResumeRequest };

export interface CommandContext {
  readonly deps: MirrorDependencies;
  readonly table: PartitionTable;
  readonly refresh: TopicRefresh;
  /** The cluster that is mirrored. */
  readonly primary: string;
  /** Whether others mirror partitions of the same topics beside this stage. */
  readonly shared: boolean;
}

export async function runCommand(command: PartitionCommand, context: CommandContext, signal: AbortSignal): Promise<void> {
  const partitions = context.table
    .ofTopic(command.topic)
    .filter((p) => command.partition === undefined || p.partition === command.partition);
  if (partitions.length === 0) {
    const place = command.partition === undefined ? command.topic : `${command.topic}:${command.partition}`;
    throw new FarshoreError('request_invalid', `${place} is not mirrored here`, { place, hint: 'farshore partition list shows what is.' });
  }
  for (const partition of partitions) {
    if (command.kind === 'pause') await pause(partition, command, context, signal);
    else await resume(partition, command.request, context, signal);
  }
}

async function pause(
  partition: MirrorPartition,
  { by, partition: named }: Extract<PartitionCommand, { kind: 'pause' }>,
  { deps, table }: CommandContext,
  signal: AbortSignal,
): Promise<void> {
  const { mode } = partition;
  if (mode.mode === 'paused') return;
  // Resumed later, it would be checked as if nothing had been found.
  if (mode.mode === 'stopped' && isDecidedByOperator(mode.error.code)) {
    if (named === undefined) return;
    const place = `${partition.route.regional}:${partition.partition}`;
    throw new FarshoreError('request_invalid', `${place} is stopped already, by ${mode.error.code}, which a pause would hide`, {
      place,
      hint: mode.error.hint ?? 'farshore partition list shows what to do.',
    });
  }
  const at = { stage: 'mirror', topic: partition.route.regional, partition: partition.partition } as const;
  const since = new Date(deps.clock.wallMs()).toISOString();
  const hint = `farshore partition resume ${at.topic}:${at.partition} --stage mirror`;
  await deps.stops.record({ ...at, action: 'pause', by, code: undefined, lostFrom: undefined, lostTo: undefined, options: {} }, signal);
  await deps.stops.put({ ...at, state: 'paused', code: 'partition_paused', message: by, hint, since }, signal);
  table.pause(at.topic, at.partition, { mode: 'paused', by, since });
  partition.rewindToCommitted();
  deps.observe({ type: 'partition_paused', ...at, by });
}

/**
 * A rewind and an accepted re-creation raise the generation of the whole topic, which nobody may be writing meanwhile (C1). Other shards of it
 * are other daemons' to hold.
 */
function refuseNewGeneration({ route, partition, committed }: MirrorPartition, request: ResumeRequest): void {
  const goesBack = typeof request.from === 'bigint' && committed !== undefined && request.from < offsetValue(committed.next);
  if (!request.acceptRecreated && !request.acceptRewind && !goesBack) return;
  const place = `${route.regional}:${partition}`;
  throw new FarshoreError('request_invalid', `${place} cannot begin again while the region's daemons share the mirror`, {
    place,
    hint: 'Set mirror.shards: 1, restart all daemons of the region, and run the command again.',
  });
}

const later = (one: bigint | undefined, other: bigint): bigint => (one === undefined || other > one ? other : one);

/** Whether an offset lies before or behind the position is not known while an old one is answered. */
const notKnownNow = ({ route, partition, mode }: MirrorPartition): FarshoreError =>
  new FarshoreError('request_invalid', `Where the mirror stands is not known now${mode.mode === 'held' ? `: ${mode.reason}` : ''}`, {
    place: `${route.regional}:${partition}`,
    hint: "Run the command again in a minute. Where it stays so, restart the broker that coordinates the mirror's group first.",
  });

/**
 * Where nothing but what is kept tells how far the region was mirrored into, moving on takes that away: what the regional log has lost would never be
 * told.
 */
async function assertRegionWhole(
  { route, partition, homeTopicId }: MirrorPartition,
  kept: KeptEnd | undefined,
  { regional }: MirrorDependencies,
  signal: AbortSignal,
): Promise<void> {
  if (kept?.homeTopicId !== homeTopicId) return;
  const [answer] = await regional.ends([{ topic: route.regional, partition }], signal);
  const mirroredTo = offsetValue(kept.point.regional);
  if (answer !== undefined && answer.end >= mirroredTo) return;
  const place = `${route.regional}:${partition}`;
  const ends = answer === undefined ? 'is not told now' : `is ${answer.end}`;
  throw new FarshoreError('request_invalid', `The end of the regional log ${ends}, and records up to ${mirroredTo} were mirrored into it`, {
    place,
    hint: `Let it say what was lost first: farshore partition resume ${place} --stage mirror`,
  });
}

async function resume(partition: MirrorPartition, request: ResumeRequest, context: CommandContext, signal: AbortSignal): Promise<void> {
  const { deps } = context;
  if (context.shared) refuseNewGeneration(partition, request);
  const { route } = partition;
  const at = { stage: 'mirror', topic: route.regional, partition: partition.partition } as const;
  // Being tried again is no running: the command decides instead.
  if (partition.retrying !== undefined) partition.setMode(partition.retrying);
  const isOpen = partition.oldSinceMs !== undefined || partition.inDoubt !== undefined;
  if (request.from !== undefined && isOpen && partition.mode.mode !== 'stopped') throw notKnownNow(partition);
  const code = partition.mode.mode === 'stopped' ? partition.mode.error.code : undefined;
  const isRegionCut = code === 'region_truncated';
  if (request.acceptRecreated && !isRegionCut) {
    context.refresh.acceptRecreated(route.regional);
    await record(code === 'source_recreated' ? unmirrored(partition) : undefined);
    await released();
    return;
  }
  const home = (await readEnds(deps.home, [{ topic: route.home, partition: partition.partition }], signal)).get(
    `${route.home}:${partition.partition}`,
  );
  if (home === undefined) {
    throw new FarshoreError(
      'request_invalid',
      `The primary does not tell where the log of ${route.home}:${partition.partition} starts and ends now`,
      {
        place: `${route.regional}:${partition.partition}`,
        hint: 'Try again once the primary answers.',
      },
    );
  }
  // Where the group's answer was not taken, what is kept beside it tells how much is lost.
  const kept = deps.kept.last(route.regional, partition.partition);
  const known = [partition.committed?.next, kept?.homeTopicId === partition.homeTopicId ? kept.next : undefined];
  const next = known.flatMap((one) => (one === undefined ? [] : [offsetValue(one)])).reduce(later, undefined);
  const isConfirmed = partition.committed !== undefined && !isOpen;
  const published = request.from === undefined ? undefined : (await deps.publishedAtHome.read(signal)).get(route.home);
  // Of a home elsewhere the offsets are those of its log, which is not mirrored here.
  const epochStart =
    published?.home === context.primary ? offsetsOfEpoch(published, partition.homeTopicId)?.get(partition.partition) : undefined;
  const decision = decideResume(`${route.regional}:${partition.partition}`, request, { next, isConfirmed, isRegionCut, home, epochStart });
  switch (decision.kind) {
    case 'refuse':
      throw decision.error;
    case 'recheck':
      await record(undefined);
      break;
    case 'move': {
      if (!decision.rewind && !isRegionCut && partition.committed === undefined) await assertRegionWhole(partition, kept, deps, signal);
      await record(decision.lost);
      if (decision.rewind) await context.refresh.raiseForRewind(partition, signal);
      const base = partition.committed ?? {
        topic: route.regional,
        partition: partition.partition,
        topicId: partition.homeTopicId,
        regionalEnd: undefined,
      };
      const position = {
        ...base,
        topicId: partition.homeTopicId,
        next: homeOffset(decision.next),
        leaderEpoch: -1,
        crc: undefined,
        // Who goes on past what home lost was not asked about the region: its end is still compared.
        regionalEnd: decision.rewind || isRegionCut ? undefined : base.regionalEnd,
      };
      // While the outcome is not known, neither is known to be the last.
      partition.committed = undefined;
      await deps.regional.commit([position], signal);
      partition.committed = position;
      break;
    }
  }
  await released();

  async function record(lost: { readonly from: bigint; readonly to: bigint } | undefined): Promise<void> {
    const options = {
      ...(request.from === undefined ? {} : { from: String(request.from) }),
      acceptLoss: request.acceptLoss,
      acceptRecreated: request.acceptRecreated,
      acceptRewind: request.acceptRewind,
    };
    const lostFrom = lost === undefined ? undefined : homeOffset(lost.from);
    const lostTo = lost === undefined ? undefined : homeOffset(lost.to);
    await deps.stops.record({ ...at, action: 'resume', by: request.by, code, lostFrom, lostTo, options }, signal);
  }

  async function released(): Promise<void> {
    await deps.stops.clear('mirror', at.topic, at.partition, signal);
    context.table.resumed(at.topic, at.partition);
    [partition.refused, partition.refusedAt] = [undefined, undefined];
    partition.setMode({ mode: 'held', reason: 'resumed' });
    deps.observe({ type: 'partition_resumed', ...at, by: request.by });
  }
}

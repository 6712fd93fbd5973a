import { batchLastOffsetDelta, type RawBatch } from '../model/batch.ts';
import { type RegionalOffset, regionalOffset } from '../model/offsets.ts';
import { topicPartitionKey } from '../model/partition.ts';
import type { MirrorPosition } from '../model/position.ts';
import type { MirroredBehind, MirroredTo } from './contracts.ts';
import type { MirrorDependencies } from './dependencies.ts';
import { isBehind, type KeptEnd, whyOld } from './old-position.ts';
import type { MirrorPartition } from './partition.ts';

type Deps = Pick<MirrorDependencies, 'regional' | 'kept'>;
type Behind = (partition: MirrorPartition) => MirroredBehind | undefined;

/** Where a partition stands, of what the region's group answered, what this process knows, and what the regional log shows. */
export interface Answered {
  readonly position: MirrorPosition | undefined;
  readonly kept: KeptEnd | undefined;
  /** Why the group's answer is not the last commit. */
  readonly old: string | undefined;
  /** The position is not the group's answer: this process committed it, and the log shows that nothing followed. */
  readonly isOwn: boolean;
}

/** A transaction's part in a partition, while it is not known whether it was committed. */
export interface InDoubt {
  readonly position: MirrorPosition;
  /** Offsets its batches take up in the regional log, one behind the other. */
  readonly offsets: bigint;
}

/** What batches take up in a log. */
export function offsetsOf(batches: readonly RawBatch[]): bigint {
  let offsets = 0;
  for (const { bytes } of batches) offsets += batchLastOffsetDelta(bytes) + 1;
  return BigInt(offsets);
}

/** Judges what the group answered of partitions whose regional log ends at `endOf`; one without an end is left out. */
export async function readAnswered(
  partitions: readonly MirrorPartition[],
  positions: ReadonlyMap<string, readonly MirrorPosition[]>,
  endOf: (partition: MirrorPartition) => bigint | undefined,
  deps: Deps,
  signal: AbortSignal,
): Promise<ReadonlyMap<MirrorPartition, Answered>> {
  const keptOf = (p: MirrorPartition) => deps.kept.last(p.route.regional, p.partition);
  const positionOf = (p: MirrorPartition) => positions.get(p.route.regional)?.find(({ partition }) => partition === p.partition);
  const behind = await look(partitions, (p) => mirroredTo(positionOf(p), keptOf(p)), deps, signal);
  const answered = new Map<MirrorPartition, Answered>();
  const old: MirrorPartition[] = [];
  for (const p of partitions) {
    const [position, kept, regionalEnd] = [positionOf(p), keptOf(p), endOf(p)];
    if (regionalEnd === undefined) continue;
    const after = behind(p);
    const mirroredBehind = after?.kind === 'batch' ? after.offset : undefined;
    const why = positions.has(p.route.regional)
      ? whyOld(position, { homeTopicId: p.homeTopicId, kept, mirroredBehind, regionalEnd })
      : 'no position, for a transaction that is over';
    if (why !== undefined) old.push(p);
    answered.set(p, { position, kept, old: why, isOwn: false });
  }
  for (const [p, position] of await ownPositions(old, keptOf, deps, signal)) {
    const { kept, old: why } = answered.get(p)!;
    answered.set(p, { position, kept, old: why, isOwn: true });
  }
  return answered;
}

/**
 * Where this process knows the partitions to be: at the position it committed last, or at that of the transaction whose outcome it does not know.
 * The regional log tells which, for nothing else writes there: what is committed behind the first is the second, whole, or the first is the last.
 */
async function ownPositions(
  partitions: readonly MirrorPartition[],
  keptOf: (partition: MirrorPartition) => KeptEnd | undefined,
  deps: Deps,
  signal: AbortSignal,
): Promise<ReadonlyMap<MirrorPartition, MirrorPosition>> {
  const own = new Map<MirrorPartition, MirrorPosition>();
  const known = partitions.filter(({ committed, homeTopicId }) => committed?.topicId === homeTopicId);
  const behind = await look(known, (p) => mirroredTo(p.committed, keptOf(p)), deps, signal);
  const doubtful = new Map<MirrorPartition, MirrorPosition & { readonly regionalEnd: RegionalOffset }>();
  for (const p of known) {
    const after = behind(p);
    if (after?.kind === 'nothing') own.set(p, withoutRecords(p.committed!, p.inDoubt));
    else if (after?.kind === 'batch' && p.inDoubt !== undefined && p.inDoubt.position.next > p.committed!.next)
      doubtful.set(p, { ...p.inDoubt.position, regionalEnd: regionalOffset(after.offset + p.inDoubt.offsets) });
  }
  const behindDoubtful = await look([...doubtful.keys()], (p) => doubtful.get(p)?.regionalEnd, deps, signal);
  for (const [p, position] of doubtful) if (behindDoubtful(p)?.kind === 'nothing') own.set(p, position);
  return own;
}

/** A move without a record leaves no trace, and there is nothing between the two: the later one goes back nowhere. */
function withoutRecords(committed: MirrorPosition, doubtful: InDoubt | undefined): MirrorPosition {
  if (doubtful === undefined || doubtful.offsets > 0n || doubtful.position.next <= committed.next) return committed;
  return { ...doubtful.position, regionalEnd: committed.regionalEnd };
}

async function look(
  partitions: readonly MirrorPartition[],
  from: (partition: MirrorPartition) => RegionalOffset | undefined,
  { regional }: Deps,
  signal: AbortSignal,
): Promise<Behind> {
  const ends = partitions.flatMap((p): readonly MirroredTo[] => {
    const regionalEnd = from(p);
    return regionalEnd === undefined ? [] : [{ topic: p.route.regional, partition: p.partition, regionalEnd }];
  });
  const behind = ends.length === 0 ? undefined : await regional.mirroredBehind(ends, signal);
  return (p) => behind?.get(topicPartitionKey(p.route.regional, p.partition));
}

/**
 * Where to look for what was mirrored behind a position: at its regional end, or at that of the log when mirroring began. One that an operator moved
 * on from there says nothing of the region.
 */
function mirroredTo(position: MirrorPosition | undefined, kept: KeptEnd | undefined): RegionalOffset | undefined {
  if (position === undefined || position.regionalEnd !== undefined) return position?.regionalEnd;
  return kept?.homeTopicId === position.topicId && position.next <= kept.next ? kept.point.regional : undefined;
}

/**
 * Whether what was answered may be shown, and committed again: in a log that was cut an older one may be right, which only a start decides. Nor is one
 * of the topic before, where more is known of the one that was created again since: it would be the newest from then on.
 */
export function isTrusted({ homeTopicId }: Pick<MirrorPartition, 'homeTopicId'>, { position, kept, old, isOwn }: Answered): boolean {
  if (old !== undefined && !isOwn) return false;
  if (position === undefined || kept === undefined) return true;
  if (kept.homeTopicId === position.topicId) return !isBehind(position, kept);
  return kept.homeTopicId !== homeTopicId;
}

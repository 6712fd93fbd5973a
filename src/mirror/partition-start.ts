import { concurrently } from '../model/concurrently.ts';
import { findFarshoreError } from '../model/errors.ts';
import { homeOffset, offsetValue, type RegionalOffset } from '../model/offsets.ts';
import { topicPartitionKey } from '../model/partition.ts';
import type { MirrorPosition } from '../model/position.ts';
import { isTrusted, readAnswered } from './answered-positions.ts';
import type { MirrorDependencies, MirrorSettings } from './dependencies.ts';
import type { MirrorPartition } from './partition.ts';
import { decideStart, diverged, proofFailure, type StartDecision } from './start-check.ts';
import { stopPartition } from './stopping.ts';

type Ends = ReadonlyMap<string, { readonly start: bigint; readonly end: bigint }>;
const VERIFY_BYTES = 1_048_576;
/** Each proof is a request of its own, as only the first batch of a fetch comes whole. One after the other, 1,000 of them at 100 ms away take 100 s. */
const PROOFS_AT_ONCE = 64;

/** Ends of many partitions in one request a broker, by the given topic name and partition. */
export async function readEnds(
  log: { ends: MirrorDependencies['home']['ends'] },
  partitions: readonly { readonly topic: string; readonly partition: number }[],
  signal: AbortSignal,
): Promise<Ends> {
  if (partitions.length === 0) return new Map();
  const answers = await log.ends(partitions, signal);
  return new Map(answers.map((a) => [topicPartitionKey(a.topic, a.partition), { start: a.start, end: a.end }]));
}

/** What a start knows beside positions and logs. */
export interface Starts {
  readonly mirroredFrom: (partition: MirrorPartition) => bigint;
  /** Where the present epoch of the home begins there, after a cutover. */
  readonly epoch: (partition: MirrorPartition) => bigint | undefined;
  /** Where it begins in the region. */
  readonly epochInRegion: (partition: MirrorPartition) => RegionalOffset | undefined;
}

/** Where partitions stand that are paused or stopped: it is shown, and committed again so that it does not expire. Answers whether to ask again. */
export async function readResting(
  resting: readonly MirrorPartition[],
  positions: ReadonlyMap<string, readonly MirrorPosition[]>,
  deps: Pick<MirrorDependencies, 'regional' | 'kept'>,
  signal: AbortSignal,
): Promise<boolean> {
  if (resting.length === 0) return false;
  const at = (p: MirrorPartition) => ({ topic: p.route.regional, partition: p.partition });
  const ends = await readEnds(deps.regional, resting.map(at), signal);
  const endOf = (p: MirrorPartition) => ends.get(topicPartitionKey(p.route.regional, p.partition))?.end;
  let isOpen = false;
  for (const [p, answered] of await readAnswered(resting, positions, endOf, deps, signal)) {
    if (isTrusted(p, answered)) [p.committed, p.inDoubt, p.oldSinceMs] = [answered.position, undefined, undefined];
    else isOpen ||= p.mode.mode === 'paused';
  }
  return isOpen;
}

/**
 * Checks held partitions against both logs and sets them running, or stops them. Partitions of which a
 * broker said nothing, or whose proof could not be read, stay held: one that has no leader, or may not be read, must
 * not keep the others from starting. Answers whether there are such, which are to be asked again. Positions of
 * partitions that begin are committed before a record of them is read.
 */
export async function startPartitions(
  held: readonly MirrorPartition[],
  positions: ReadonlyMap<string, readonly MirrorPosition[]>,
  starts: Starts,
  deps: MirrorDependencies,
  settings: Pick<MirrorSettings, 'onTruncated'>,
  signal: AbortSignal,
): Promise<boolean> {
  if (held.length === 0) return false;
  const homeEnds = await readEnds(
    deps.home,
    held.map((p) => ({ topic: p.route.home, partition: p.partition })),
    signal,
  );
  const regionalEnds = await readEnds(
    deps.regional,
    held.map((p) => ({ topic: p.route.regional, partition: p.partition })),
    signal,
  );
  const endsOf = (p: MirrorPartition) => {
    const home = homeEnds.get(topicPartitionKey(p.route.home, p.partition));
    const regional = regionalEnds.get(topicPartitionKey(p.route.regional, p.partition));
    return home === undefined || regional === undefined ? undefined : { home, regional };
  };
  const answered = await readAnswered(held, positions, (p) => endsOf(p)?.regional.end, deps, signal);
  const proofs = await concurrently(held, PROOFS_AT_ONCE, async (p) => {
    const position = answered.get(p)?.position;
    if (endsOf(p) === undefined) return undefined;
    return position === undefined ? { batch: undefined } : await proofOf(p, position, deps, signal);
  });
  const nowMs = deps.clock.monotonicMs();
  const begin: { partition: MirrorPartition; position: MirrorPosition }[] = [];
  const old: { readonly partition: MirrorPartition; readonly why: string; readonly isOwn: boolean }[] = [];
  let unproved = false;
  for (const [index, partition] of held.entries()) {
    const ends = endsOf(partition);
    const proof = proofs[index];
    const answer = answered.get(partition);
    if (ends === undefined || proof === undefined || answer === undefined) {
      unproved ||= partition.mode.mode === 'held';
      continue;
    }
    const { position, kept } = answer;
    const decision = decideStart({
      topic: partition.route.regional,
      partition: partition.partition,
      homeTopicId: partition.homeTopicId,
      position,
      mirroredFrom: starts.mirroredFrom(partition),
      epochStart: starts.epoch(partition),
      epochInRegion: starts.epochInRegion(partition),
      home: ends.home,
      regional: ends.regional,
      settled: !partition.sentSinceOpen,
      batchBefore: proof.batch,
      compacted: partition.compacted,
      kept,
      old: answer.isOwn ? undefined : answer.old,
      oldForMs: nowMs - (partition.oldSinceMs ?? nowMs),
    });
    if (answer.old !== undefined && partition.oldSinceMs === undefined) {
      partition.oldSinceMs = nowMs;
      old.push({ partition, why: answer.old, isOwn: answer.isOwn });
    }
    if (decision.kind === 'wait') {
      partition.wait(decision.reason);
      unproved = true;
      continue;
    }
    await act(partition, decision, position, begin, deps, settings, signal);
  }
  tellOld(old, deps);
  if (begin.length === 0) return unproved;
  // A position always exists before the first record does, so that a missing one can only be a lost one.
  for (const { partition } of begin) partition.committed = undefined;
  await deps.regional.commit(
    begin.map((b) => b.position),
    signal,
  );
  for (const { partition, position } of begin) run(partition, position, deps.clock.monotonicMs());
  return unproved;
}

/** Told once, with the first of them: while it reads its log, a coordinator answers something else each time, and so of all partitions. */
function tellOld(
  old: readonly { readonly partition: MirrorPartition; readonly why: string; readonly isOwn: boolean }[],
  { observe }: Pick<MirrorDependencies, 'observe'>,
): void {
  const [first] = old;
  if (first === undefined) return;
  const { partition, why, isOwn } = first;
  const then = isOwn ? 'the mirror goes on from what it committed last, which the regional log confirms' : 'it is asked again';
  const at = { topic: partition.route.regional, partition: partition.partition };
  observe({ type: 'position_old', ...at, partitions: old.length, reason: `${why}; ${then}` });
}

async function act(
  partition: MirrorPartition,
  decision: Exclude<StartDecision, { kind: 'wait' }>,
  position: MirrorPosition | undefined,
  begin: { partition: MirrorPartition; position: MirrorPosition }[],
  deps: MirrorDependencies,
  settings: Pick<MirrorSettings, 'onTruncated'>,
  signal: AbortSignal,
): Promise<void> {
  switch (decision.kind) {
    case 'continue':
      deps.kept.found(decision.position);
      run(partition, decision.position, committedAtMs(partition, decision.position));
      return;
    case 'begin':
      begin.push({ partition, position: decision.position });
      return;
    case 'stop':
      // An old one would be committed again with what is known of all partitions, and be the newest from then on.
      if (decision.isOld !== true) [partition.committed, partition.inDoubt] = [position, undefined];
      if (decision.error.code === 'source_truncated' && settings.onTruncated === 'earliest' && position !== undefined && decision.lost) {
        // The operator chose in advance to go on; what is lost is still said, counted and recorded.
        const { from, to } = decision.lost;
        const at = { stage: 'mirror', topic: partition.route.regional, partition: partition.partition } as const;
        const { code, message, hint } = decision.error;
        deps.observe({ type: 'partition_stopped', ...at, code, message, hint, lostFrom: from, lostTo: to });
        const moved = { ...position, next: homeOffset(to), leaderEpoch: -1, crc: undefined };
        const options = { onTruncated: 'earliest' };
        await deps.stops.record(
          { ...at, action: 'resume', by: 'mirror.onTruncated', code, lostFrom: position.next, lostTo: moved.next, options },
          signal,
        );
        begin.push({ partition, position: moved });
        deps.observe({ type: 'partition_resumed', ...at, by: 'mirror.onTruncated' });
        return;
      }
      await stopPartition(partition, decision.error, decision.lost, deps, signal);
  }
}

/** Of a position that is known to be committed: by this process, where it is the one it knows. */
const committedAtMs = ({ committed, committedAtMs: before }: MirrorPartition, position: MirrorPosition): number =>
  committed !== undefined && committed.topicId === position.topicId && committed.next === position.next ? before : Number.NEGATIVE_INFINITY;

function run(partition: MirrorPartition, position: MirrorPosition, atMs: number): void {
  partition.oldSinceMs = undefined;
  partition.inDoubt = undefined;
  partition.committed = position;
  partition.read = position;
  partition.committedAtMs = atMs;
  partition.setMode({ mode: 'running' });
}

/**
 * Proves the logs of running partitions again after their leader changed or their connection broke (C6); the proofs are under way together. A log
 * that ends before the position is not judged yet: a new leader does not know at once how far its records are committed. But it is not taken for
 * proved either:
 *
 *     cut at 1 · position 2: no batch before it, read on · a transaction begins at 1 · nothing behind 2: its records are left out
 *
 * Answers whether some could not be read: they are held, as if they had just been found.
 */
export async function verifyPartitions(
  partitions: readonly MirrorPartition[],
  deps: MirrorDependencies,
  signal: AbortSignal,
): Promise<boolean> {
  const at = (p: MirrorPartition) => ({ topic: p.route.home, partition: p.partition });
  // Before the batches: a log may get one at the position's place at any moment.
  const ends = await readEnds(deps.home, partitions.map(at), signal);
  await concurrently(partitions, PROOFS_AT_ONCE, async (partition) => {
    const home = ends.get(topicPartitionKey(partition.route.home, partition.partition));
    // A broker that says nothing of it is asked again.
    if (home !== undefined) await verifyPartition(partition, home, deps, signal);
  });
  return partitions.some(({ mode }) => mode.mode === 'held');
}

async function verifyPartition(
  partition: MirrorPartition,
  home: { readonly end: bigint },
  deps: MirrorDependencies,
  signal: AbortSignal,
): Promise<void> {
  const { read, compacted } = partition;
  if (read === undefined) return;
  const next = offsetValue(read.next);
  const proof = await proofOf(partition, read, deps, signal);
  if (proof === undefined) return;
  const { batch } = proof;
  const failure = proofFailure({ batchBefore: batch, compacted }, read, next);
  if (failure === undefined) {
    partition.unproven = batch === undefined && read.crc !== undefined && !compacted && next > home.end;
    partition.setMode({ mode: 'running' });
    return;
  }
  const { error, lost } = diverged({ topic: partition.route.regional, partition: partition.partition }, failure, undefined);
  await stopPartition(partition, error, lost, deps, signal);
}

/** The batch before the position; undefined where it could not be read, and the partition is held or stopped for that. */
async function proofOf(
  partition: MirrorPartition,
  position: MirrorPosition,
  deps: MirrorDependencies,
  signal: AbortSignal,
): Promise<{ readonly batch: Awaited<ReturnType<MirrorDependencies['home']['batchAt']>> } | undefined> {
  const next = offsetValue(position.next);
  if (next === 0n || position.crc === undefined || position.topicId !== partition.homeTopicId) return { batch: undefined };
  // No epoch here: a fetch that carries one would be answered with the divergence instead of the batch.
  const target = partition.targetAt(next - 1n, { leaderEpoch: -1, crc: undefined }, VERIFY_BYTES);
  try {
    return { batch: await deps.home.batchAt(target, signal) };
  } catch (error) {
    const known = findFarshoreError(error);
    if (signal.aborted || known === undefined || known.action === 'halt') throw error;
    if (known.action === 'retry') partition.setMode({ mode: 'held', reason: known.message });
    else await stopPartition(partition, known, undefined, deps, signal);
    return undefined;
  }
}

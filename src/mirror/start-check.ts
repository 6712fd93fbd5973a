import { FarshoreError } from '../model/errors.ts';
import { homeOffset, offsetValue, type RegionalOffset } from '../model/offsets.ts';
import type { LogProof, MirrorPosition } from '../model/position.ts';
import { isBehind, type KeptEnd } from './old-position.ts';

/** Everything known about one partition when mirror is about to read it. */
export interface StartView {
  readonly topic: string;
  readonly partition: number;
  readonly homeTopicId: string;
  /** Committed in the region; undefined when the group holds none. */
  readonly position: MirrorPosition | undefined;
  /** Regional offset at which the copy of this log begins: nothing of it was mirrored while the end is still there. */
  readonly mirroredFrom: bigint;
  /** Offset at home from which on the present epoch is mirrored; undefined for the first. What is below came from here. */
  readonly epochStart?: bigint | undefined;
  /** Regional offset at which that epoch begins: nothing of it is mirrored while the end is still there. */
  readonly epochInRegion?: RegionalOffset | undefined;
  readonly home: { readonly start: bigint; readonly end: bigint };
  readonly regional: { readonly start: bigint; readonly end: bigint };
  /**
   * No transaction of this mirror is under way in the region: the marker of the one that wrote the position lies at its end. Without it a log
   * that lost its last records, and got the marker of a transaction that was left open, would look whole.
   */
  readonly settled: boolean;
  /** The batch at home that holds the record before the position; undefined when the log holds it no more. */
  readonly batchBefore:
    | { readonly baseOffset: bigint; readonly lastOffset: bigint; readonly leaderEpoch: number; readonly crc: number }
    | undefined;
  /** Compaction may rewrite or remove the batch before the position. */
  readonly compacted: boolean;
  readonly kept: KeptEnd | undefined;
  /** Why the position is not the one that was committed last. */
  readonly old: string | undefined;
  /** How long such have been answered. */
  readonly oldForMs: number;
}

export type StartDecision =
  /** Read on from `position`. */
  | { readonly kind: 'continue'; readonly position: MirrorPosition }
  /** Nothing was mirrored yet: commit this position before the first record, so that a missing one always means a lost one. */
  | { readonly kind: 'begin'; readonly position: MirrorPosition }
  /** The answer is older than what was committed: it may be a coordinator that is still reading its log. To be asked again. */
  | { readonly kind: 'wait'; readonly reason: string }
  | {
      readonly kind: 'stop';
      readonly error: FarshoreError;
      readonly lost: { readonly from: bigint; readonly to: bigint } | undefined;
      /** The position is not the one that was committed last. */
      readonly isOld?: true;
    };

/** A coordinator reads its log at some tens of megabytes a second, and a segment has a hundred. */
export const OLD_ANSWERS_WITHIN_MS = 30_000;

const resumeCommand = (topic: string, partition: number, flags: string): string =>
  `farshore partition resume ${topic}:${partition} --stage mirror ${flags}`;

/** Decides whether the logs on both sides are those the position was taken in (C6), and where to go on. */
export function decideStart(view: StartView): StartDecision {
  const { topic, partition, position } = view;
  // Before what the group answers: a region that lost all that was mirrored looks like one that nothing was mirrored into.
  const kept = view.kept?.homeTopicId === view.homeTopicId ? view.kept : undefined;
  if (kept !== undefined && view.regional.end < offsetValue(kept.point.regional)) {
    const stop = regionTruncated(view, offsetValue(kept.point.regional));
    return position === undefined || isBehind(position, kept) ? { ...stop, isOld: true } : stop;
  }
  if (view.old !== undefined) {
    if (view.oldForMs < OLD_ANSWERS_WITHIN_MS) return { kind: 'wait', reason: `the region's group answers ${view.old}: asked again` };
    return epochUnwritten(view, kept) ?? beginsUnwritten(view, kept) ?? oldPosition(view, view.old);
  }
  if (position === undefined || position.topicId !== view.homeTopicId) {
    // A position of another topic id is left from before an accepted re-creation: the ledger's id is the accepted one.
    if (position === undefined && view.regional.end > view.mirroredFrom) return epochUnwritten(view, kept) ?? missing(view);
    return fromEpochStart(view) ?? { kind: 'begin', position: beginning(view) };
  }
  const next = offsetValue(position.next);
  if (view.epochStart !== undefined && next < view.epochStart) return fromEpochStart(view) ?? { kind: 'continue', position };
  // Before what home lost, since `mirror.onTruncated: earliest` goes on from that, and what is written then hides that the region lost more.
  if (position.regionalEnd !== undefined) {
    const mirroredTo = offsetValue(position.regionalEnd);
    if (view.regional.end < mirroredTo || (view.settled && view.regional.end === mirroredTo)) return regionTruncated(view, mirroredTo);
  }
  const truncated = checkTruncated(topic, partition, next, view.home);
  if (truncated !== undefined) return truncated;
  if (next > view.home.end) return diverged(view, `the log ends at ${view.home.end}, before the position ${next}`, view.home.end);
  const proof = proofFailure(view, position, next);
  if (proof !== undefined) return diverged(view, proof, undefined);
  return { kind: 'continue', position };
}

/** The way back carries nothing that came from here: it begins where the cutover says, also behind what an earlier epoch had read. */
function fromEpochStart(view: StartView): StartDecision | undefined {
  const { epochStart, topic, partition, home, position } = view;
  if (epochStart === undefined) return undefined;
  const truncated = checkTruncated(topic, partition, epochStart, home);
  if (truncated !== undefined) return truncated;
  if (epochStart > home.end) return diverged(view, `the log ends at ${home.end}, before the start of its epoch ${epochStart}`, home.end);
  return { kind: 'begin', position: { ...beginning(view), next: homeOffset(epochStart), regionalEnd: position?.regionalEnd } };
}

/**
 * The region's log still ends where the epoch begins in it, so nothing of the epoch is carried: whatever the group answers, or has forgotten, since
 * nothing is committed while the home is the other one, is of an earlier epoch. Unless more is known to have been mirrored: a stage that learned of
 * the epoch late went on under the one before, and had its end taken for the beginning.
 */
function epochUnwritten(view: StartView, kept: KeptEnd | undefined): StartDecision | undefined {
  const { epochStart, epochInRegion, regional, position } = view;
  if (epochStart === undefined || epochInRegion === undefined || regional.end !== offsetValue(epochInRegion)) return undefined;
  const reached = [kept?.next, position?.next].some((next) => next !== undefined && offsetValue(next) > epochStart);
  return reached ? undefined : fromEpochStart(view);
}

export function beginning(view: Pick<StartView, 'topic' | 'partition' | 'homeTopicId' | 'home'>): MirrorPosition {
  const { topic, partition, homeTopicId, home } = view;
  return { topic, partition, topicId: homeTopicId, next: homeOffset(home.start), leaderEpoch: -1, crc: undefined, regionalEnd: undefined };
}

/** Records between the position and the log start were deleted at home before they were mirrored. */
export function checkTruncated(
  topic: string,
  partition: number,
  next: bigint,
  home: { readonly start: bigint; readonly end: bigint },
): Extract<StartDecision, { kind: 'stop' }> | undefined {
  if (next >= home.start) return undefined;
  return {
    kind: 'stop',
    lost: { from: next, to: home.start },
    error: new FarshoreError(
      'source_truncated',
      `Retention at home overtook the mirror: offsets ${next} to ${home.start - 1n} are gone, ${home.start - next} records at most`,
      {
        place: `${topic}:${partition}@${next}`,
        hint: `To give them up and go on from ${home.start}: ${resumeCommand(topic, partition, `--from ${home.start} --accept-loss`)}`,
        facts: { lostFrom: String(next), lostTo: String(home.start) },
      },
    ),
  };
}

/** Why the batch before the position is not the one that was read, or undefined when it is, or cannot be judged. */
export function proofFailure(view: Pick<StartView, 'batchBefore' | 'compacted'>, proof: LogProof, next: bigint): string | undefined {
  const { batchBefore, compacted } = view;
  if (batchBefore === undefined || proof.crc === undefined || compacted) return undefined;
  // What was read ended where a batch ended, and without compaction no batch grows.
  if (batchBefore.baseOffset < next && batchBefore.lastOffset >= next)
    return `the batch before offset ${next} goes on beyond it, unlike the mirrored one`;
  // The batch of the proof ended before a gap that was passed (C8): another batch says nothing about it.
  if (batchBefore.lastOffset !== next - 1n) return undefined;
  if (batchBefore.crc !== proof.crc) return `the batch before offset ${next} is another one than was mirrored (its checksum differs)`;
  if (proof.leaderEpoch >= 0 && batchBefore.leaderEpoch !== proof.leaderEpoch) {
    return `the batch before offset ${next} was written under leader epoch ${batchBefore.leaderEpoch}, the mirrored one under ${proof.leaderEpoch}`;
  }
  return undefined;
}

function missing(view: StartView): StartDecision {
  const { topic, partition } = view;
  return {
    kind: 'stop',
    lost: undefined,
    error: new FarshoreError(
      'position_missing',
      `The regional partition already holds mirrored records up to ${view.regional.end}, but its position is gone`,
      {
        place: `${topic}:${partition}`,
        hint: `To mirror it again from the start, as a new generation: ${resumeCommand(topic, partition, '--from earliest --accept-rewind')}`,
        facts: { regionalEnd: String(view.regional.end) },
      },
    ),
  };
}

/** Nothing of this copy is in the region, and its position expired: it begins where it was, or where home lost what lay there. */
function beginsUnwritten(view: StartView, kept: KeptEnd | undefined): StartDecision | undefined {
  const { topic, partition, position, home } = view;
  if (position !== undefined || kept === undefined || view.regional.end > view.mirroredFrom) return undefined;
  const next = offsetValue(kept.next);
  if (next > home.end) return diverged(view, `the log ends at ${home.end}, before ${next}, up to where it was mirrored`, home.end);
  return checkTruncated(topic, partition, next, home) ?? { kind: 'begin', position: { ...beginning(view), next: kept.next } };
}

function oldPosition({ topic, partition, regional }: StartView, old: string): StartDecision {
  return {
    kind: 'stop',
    isOld: true,
    lost: undefined,
    error: new FarshoreError('position_missing', `The region's group goes on answering ${old}`, {
      place: `${topic}:${partition}`,
      hint: `Restart the broker that coordinates the group, so that it reads its log again; this partition then goes on by itself. Where the group lost its commits, or the database does not know of a rewind since it was restored, mirror it again, as a new generation, from the offset that is right or from the start: ${resumeCommand(topic, partition, '--from earliest --accept-rewind')}`,
      facts: { regionalEnd: String(regional.end) },
    }),
  };
}

export function diverged(
  view: Pick<StartView, 'topic' | 'partition'>,
  why: string,
  commonEnd: bigint | undefined,
): Extract<StartDecision, { kind: 'stop' }> {
  const { topic, partition } = view;
  const from = commonEnd === undefined ? 'earliest' : String(commonEnd);
  return {
    kind: 'stop',
    lost: undefined,
    error: new FarshoreError('source_diverged', `The log at home is not the one that was mirrored: ${why}`, {
      place: `${topic}:${partition}`,
      hint: `To mirror what the log holds now, as a new generation: ${resumeCommand(topic, partition, `--from ${from} --accept-rewind`)}`,
    }),
  };
}

export function regionTruncated(
  view: Pick<StartView, 'topic' | 'partition'> & { readonly regional: { readonly end: bigint } },
  recordedEnd: bigint,
): Extract<StartDecision, { kind: 'stop' }> {
  const { topic, partition, regional } = view;
  return {
    kind: 'stop',
    lost: regional.end < recordedEnd ? { from: regional.end, to: recordedEnd } : undefined,
    error: new FarshoreError(
      'region_truncated',
      regional.end < recordedEnd
        ? `The regional partition ends at ${regional.end}, but records up to ${recordedEnd} were mirrored into it`
        : `The regional partition ends at ${regional.end} without the marker of what was mirrored into it up to there: its last records are gone`,
      {
        place: `${topic}:${partition}`,
        hint: `To mirror it again from the start, as a new generation: ${resumeCommand(topic, partition, '--from earliest --accept-rewind')}`,
        facts: { regionalEnd: String(regional.end), recordedEnd: String(recordedEnd) },
      },
    ),
  };
}

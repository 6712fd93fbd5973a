import { FarshoreError } from '../model/errors.ts';

/** What an operator asked for one partition. */
export interface ResumeRequest {
  readonly from: 'earliest' | bigint | undefined;
  readonly acceptLoss: boolean;
  readonly acceptRecreated: boolean;
  readonly acceptRewind: boolean;
  readonly by: string;
}

export type ResumeDecision =
  /** Check the partition again from its committed position. */
  | { readonly kind: 'recheck' }
  /** Move the position to `next`; `lost` offsets are given up. A rewind starts a new generation first (C1). */
  | {
      readonly kind: 'move';
      readonly next: bigint;
      readonly rewind: boolean;
      readonly lost: { readonly from: bigint; readonly to: bigint } | undefined;
    }
  | { readonly kind: 'refuse'; readonly error: FarshoreError };

export interface ResumeView {
  /** The committed position at home, undefined when there is none. */
  readonly next: bigint | undefined;
  /** The region's group answers it; else it is what is known beside the group, and only committing it again makes it so. */
  readonly isConfirmed: boolean;
  readonly home: { readonly start: bigint; readonly end: bigint };
  /** It was told that the regional log has lost what was mirrored into it. */
  readonly isRegionCut: boolean;
  /** Where the topic's present home epoch begins in the log at home, as it was published; undefined for the first. */
  readonly epochStart: bigint | undefined;
}

/**
 * Records before the present home epoch are never mirrored again: they would come as records of this epoch, and one that the clock of an old home has put
 * ahead would win over what was written while another cluster was the home (C3), for good.
 */
export function decideResume(place: string, request: ResumeRequest, view: ResumeView): ResumeDecision {
  const { home, next } = view;
  // Beyond the end: it was told of a log that was deleted since.
  const epochStart = view.epochStart === undefined || view.epochStart > home.end ? 0n : view.epochStart;
  const refuse = (message: string, hint: string): ResumeDecision => ({
    kind: 'refuse',
    error: new FarshoreError('request_invalid', message, { place, hint }),
  });
  /** Markers and aborted copies may have made the log as long again as it was, and the check would find nothing. */
  const refuseUnsaid = () => {
    const resume = `farshore partition resume ${place} --stage mirror --from`;
    const goOn = next === undefined ? '' : `Where the log is whole again, as when its replica came back: ${resume} ${next}. Else, `;
    return refuse(
      'The regional log has lost records that were mirrored into it, and cannot tell whether it has them again',
      `${goOn}${next === undefined ? 'T' : 't'}o mirror it again as a new generation: ${resume} earliest --accept-rewind`,
    );
  };
  if (request.from === undefined) {
    // --accept-loss alone means: give up what retention has taken, and not a record more.
    if (request.acceptLoss && next !== undefined && next < home.start) {
      return { kind: 'move', next: home.start, rewind: false, lost: { from: next, to: home.start } };
    }
    if (view.isRegionCut) return refuseUnsaid();
    return { kind: 'recheck' };
  }
  const target = request.from === 'earliest' ? home.start : request.from;
  if (target < home.start || target > home.end) {
    return refuse(
      `The log at home holds offsets ${home.start} to ${home.end}, not ${target}`,
      `Give --from an offset in that range, or --from earliest.`,
    );
  }
  // Read again from where it stands: nothing comes twice, and what the region lost is accepted.
  const isAnew = view.isRegionCut && request.acceptRewind;
  if (view.isConfirmed && target === next && !isAnew) return { kind: 'recheck' };
  if (next === undefined || target < next || (target === next && (!view.isConfirmed || isAnew))) {
    if (target < epochStart) {
      return refuse(
        `Records before ${epochStart} are of older homes of the topic: mirrored again they would count as of this one`,
        `farshore partition resume ${place} --stage mirror --from ${epochStart} --accept-rewind, or from a later offset. What a table lacks comes by farshore backfill from the database.`,
      );
    }
    if (!request.acceptRewind) {
      return refuse(
        `Going back from ${next ?? 'an unknown position'} to ${target} mirrors records again, as a new generation`,
        'Add --accept-rewind. Tables without a source version take the re-mirrored states as new ones.',
      );
    }
    return { kind: 'move', next: target, rewind: true, lost: undefined };
  }
  if (!request.acceptLoss)
    return refuse(`Going on from ${target} gives up offsets ${next} to ${target - 1n}`, 'Add --accept-loss to give them up.');
  return { kind: 'move', next: target, rewind: false, lost: { from: next, to: target } };
}

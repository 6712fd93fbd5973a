import { FarshoreError } from '../model/errors.ts';
import { offsetValue } from '../model/offsets.ts';
import type { ApplyPosition } from '../model/position.ts';

/** What an operator asked for one partition. */
export interface ResumeRequest {
  readonly from: 'earliest' | bigint | undefined;
  readonly acceptLoss: boolean;
  readonly acceptRecreated: boolean;
  readonly by: string;
}

export type ResumeDecision =
  /** Prove the log again and go on from the position. */
  | { readonly kind: 'recheck' }
  /** Move the position; offsets in `lost` are given up. */
  | { readonly kind: 'move'; readonly next: bigint; readonly lost: { readonly from: bigint; readonly to: bigint } | undefined }
  | { readonly kind: 'refuse'; readonly error: FarshoreError };

/**
 * Going back needs no consent: the versions of rows and tombstones keep what is older from being applied
 * again. Where applications of the region have written since they do not: resume-home.ts, asked in the transaction that moves it. Going ahead gives records up, and another topic id gives the old log up: both must be said.
 */
export function decideResume(
  request: ResumeRequest,
  view: { readonly position: ApplyPosition; readonly topicId: string; readonly log: { readonly start: bigint; readonly end: bigint } },
): ResumeDecision {
  const { position, topicId, log } = view;
  const place = `${position.topic}:${position.partition}`;
  const next = offsetValue(position.next);
  const refuse = (message: string, hint: string): ResumeDecision => ({
    kind: 'refuse',
    error: new FarshoreError('request_invalid', message, { place, hint }),
  });
  const target = request.from === 'earliest' ? log.start : request.from;
  if (target !== undefined && (target < log.start || target > log.end)) {
    return refuse(
      `The regional log holds offsets ${log.start} to ${log.end}, not ${target}`,
      'Give --from an offset in that range, or --from earliest.',
    );
  }
  if (position.topicId !== topicId) {
    if (!request.acceptRecreated) return refuse('The regional topic was deleted and created again', 'Add --accept-recreated.');
    return { kind: 'move', next: target ?? log.start, lost: undefined };
  }
  if (target === undefined) {
    const takenByRetention = request.acceptLoss && next < log.start;
    return takenByRetention ? { kind: 'move', next: log.start, lost: { from: next, to: log.start } } : { kind: 'recheck' };
  }
  if (target <= next) return { kind: 'move', next: target, lost: undefined };
  if (!request.acceptLoss)
    return refuse(`Going on from ${target} gives up offsets ${next} to ${target - 1n}`, 'Add --accept-loss to give them up.');
  return { kind: 'move', next: target, lost: { from: next, to: target } };
}

import type { CutoverState, CutoverStep } from '../model/cutover.ts';
import { backSteps, forwardSteps, lostSteps } from '../model/cutover.ts';
import { daemon, moved, refused } from './decision.ts';
import { leftUntold } from './publication.ts';
import type { Cutover, CutoverEvent, Decision, Kept, LogEntry, Move } from './state.ts';
import type { EpochBegin } from './step-contracts.ts';

/** What a move goes through. Its way back has more to do where the epoch was raised already. */
export const stepsOf = (move: Pick<Move, 'direction' | 'lost' | 'results'>): readonly CutoverStep[] => {
  if (move.direction === 'forward') return move.lost === null ? forwardSteps : lostSteps;
  if (move.results.raise_epoch !== undefined) return backSteps;
  // Of a move that was taken over: its home is back already, and that was perhaps not told.
  return move.results.raise_epoch_back === undefined ? ['reopen'] : backSteps.slice(1);
};

/** Once opening was recorded, writers may have written at the new home: there is no way back without carrying that back too. */
export function goBack(
  cutover: Cutover,
  move: Move,
  step: CutoverStep,
  reason: string,
  entry: Pick<LogEntry, 'by' | 'event'>,
  at: string,
): Decision {
  if (move.direction === 'back') return refused('going_back', `it goes back to ${move.from} already, at ${move.step}`);
  if (cutover.open === move.to) {
    return refused('already_opening', `${move.to} is opened already: finish that, and move the home back with revert`);
  }
  const back = { ...move, direction: 'back', started: false, failed: { step, reason } } as const;
  const first: Move = { ...back, step: stepsOf(back)[0]! };
  return moved(cutover, { ...cutover, state: 'draining', reason, move: first }, at, { ...entry, step, reason });
}

type StepEvent = Extract<CutoverEvent, { readonly step: CutoverStep }>;

export function stepped(cutover: Cutover, event: StepEvent, at: string): Decision {
  const { move } = cutover;
  const { step } = event;
  if (move === null) return refused('nothing_under_way', `${step} belongs to no move`);
  if (move.step !== step) return refused('wrong_step', `the move stands at ${move.step}, not at ${step}`);
  if (event.type === 'step_started') {
    if (move.started) return { kind: 'unchanged' };
    return moved(
      cutover,
      // Hooks of `switched` turn traffic here: not before the region is opened.
      { ...cutover, ...openAfterStart(cutover, move), move: { ...move, started: true } },
      at,
      stepEntry(event, 'started'),
    );
  }
  if (!move.started) return refused('wrong_step', `${step} was not recorded as started`);
  if (event.type === 'step_failed') {
    const reason = `${step} failed: ${event.reason}`;
    // Behind the point of no return a step is tried until it is done, and so is each step of the way back: there is no third place to go.
    if (move.direction === 'back' || cutover.open === move.to) {
      if (cutover.reason === reason) return { kind: 'unchanged' };
      return moved(
        cutover,
        { ...cutover, reason, move: { ...move, failed: { step, reason: event.reason } } },
        at,
        stepEntry(event, reason),
      );
    }
    return goBack(cutover, move, step, reason, { by: daemon, event: event.type }, at);
  }
  const results = { ...move.results, [step]: event.result };
  const steps = stepsOf(move);
  const next = steps[steps.indexOf(step) + 1];
  if (next !== undefined) {
    const raise = step === 'raise_epoch' || step === 'raise_epoch_back';
    const home = step === 'raise_epoch' ? move.to : step === 'raise_epoch_back' ? move.from : cutover.home;
    return moved(
      cutover,
      {
        ...cutover,
        home,
        epoch: raise ? cutover.epoch + 1n : cutover.epoch,
        move: { ...move, step: next, started: false, results },
      },
      at,
      stepEntry(event, 'done'),
    );
  }
  return ended(cutover, move, event, at);
}

/** The old home counts as closed from before it is frozen, a home as open from before it is opened: what is recorded errs towards nobody. */
function openAfterStart({ state, open }: Cutover, { step, from, to }: Move): Pick<Cutover, 'state' | 'open'> {
  switch (step) {
    case 'freeze':
    // A lost primary is not frozen: nobody is open from the first step on.
    case 'fence_mirror':
      return { state, open: 'nobody' };
    case 'open':
      return { state: to === 'region' ? 'switched' : state, open: to };
    case 'reopen':
      return { state, open: from };
    default:
      return { state, open };
  }
}

function ended(cutover: Cutover, move: Move, event: Extract<StepEvent, { type: 'step_done' }>, at: string): Decision {
  const home = move.direction === 'forward' ? move.to : move.from;
  const state: CutoverState = home === 'region' ? 'switched' : move.direction === 'back' ? 'shadowing' : 'observing';
  const untold = leftUntold(move);
  const back = `${move.failed?.reason ?? 'undone'}; ${move.from} is open again${untold === undefined ? '' : ', and the primary’s cluster is to be told yet'}`;
  const reason = move.direction === 'forward' ? `${move.to} is home and open` : back;
  const arrived = move.direction === 'forward' && home === 'region';
  const kept = home === 'primary' ? null : arrived ? { results: move.results, lost: move.lost } : stillKept(cutover.kept, untold);
  return moved(cutover, { ...cutover, state, reason, move: null, kept }, at, { ...stepEntry(event, reason), facts: event.result ?? null });
}

/** A revert that fell back before the epoch rose leaves what an earlier one still owes. */
const stillKept = (kept: Kept | null, untold: EpochBegin | undefined): Kept | null =>
  untold === undefined ? kept : { ...(kept ?? { results: {}, lost: null }), untold: untold.offsets, untoldIds: untold.topicIds };

const stepEntry = (event: StepEvent, reason: string): Pick<LogEntry, 'by' | 'event' | 'step' | 'reason' | 'facts'> => ({
  by: daemon,
  event: event.type,
  step: event.step,
  reason,
  facts: event.type === 'step_done' ? (event.result ?? null) : null,
});

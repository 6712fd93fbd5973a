import type { BackStep, CutoverHold, CutoverState, CutoverStep, ForwardStep, GateReading, Home } from '../model/cutover.ts';
import { backSteps, forwardSteps } from '../model/cutover.ts';
import type { Readiness } from './window.ts';

/** A move of the home that is under way. */
export interface Move {
  readonly from: Home;
  readonly to: Home;
  readonly by: string;
  readonly direction: 'forward' | 'back';
  /** The step that is next, or under way. */
  readonly step: CutoverStep;
  /** It is recorded before it is acted on: after a crash it is done again, whatever it had come to. */
  readonly started: boolean;
  /** What each finished step came to: fromOffsets, ends, digests. */
  readonly results: Readonly<Partial<Record<CutoverStep, unknown>>>;
  /** Why it goes back, or what its last step failed with. */
  readonly failed: { readonly step: CutoverStep; readonly reason: string } | null;
}

/** The stored row (C24). Whoever changes it names the revision and the epoch it saw. */
export interface Cutover {
  readonly region: string;
  readonly primary: string;
  readonly revision: bigint;
  readonly state: CutoverState;
  readonly since: string;
  readonly reason: string;
  /** Home epoch, and the epoch that writers of the region must name: raised by each move of the home, never lowered. */
  readonly epoch: bigint;
  readonly home: Home;
  readonly open: Home | 'nobody';
  readonly hold: CutoverHold | null;
  readonly move: Move | null;
}

interface Command {
  readonly by: string;
  /** As the operator typed it. */
  readonly region: string;
}

export type CutoverEvent =
  | { readonly type: 'evaluated'; readonly readiness: Readiness }
  | ({ readonly type: 'start'; readonly readiness: Readiness } & Command)
  | ({ readonly type: 'abort' | 'revert' | 'complete' } & Command)
  | ({ readonly type: 'release' } & Command)
  | ({ readonly type: 'hold'; readonly reason: string } & Command)
  | { readonly type: 'step_started'; readonly step: CutoverStep }
  | { readonly type: 'step_done'; readonly step: CutoverStep; readonly result: unknown }
  | { readonly type: 'step_failed'; readonly step: CutoverStep; readonly reason: string };

export type RefusalCode =
  | 'wrong_region'
  | 'completed'
  | 'held'
  | 'already_held'
  | 'not_held'
  | 'under_way'
  | 'nothing_under_way'
  | 'gates_shut'
  | 'not_ready'
  | 'not_switched'
  | 'already_switched'
  | 'already_opening'
  | 'going_back'
  | 'wrong_step';

/** What goes into the log beside the new row, in the same statement. */
export interface LogEntry {
  readonly by: string;
  readonly event: CutoverEvent['type'];
  readonly step: CutoverStep | null;
  readonly reason: string;
  readonly gates: readonly GateReading[] | null;
  readonly facts: unknown;
}

export type Decision =
  | { readonly kind: 'moved'; readonly next: Cutover; readonly entry: LogEntry }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly reason: string };

/** Before the first move: the primary is home and open. */
export const firstCutover = (region: string, primary: string, since: string): Cutover => ({
  region,
  primary,
  revision: 1n,
  state: 'observing',
  since,
  reason: 'the first start',
  epoch: 1n,
  home: 'primary',
  open: 'primary',
  hold: null,
  move: null,
});

const daemon = 'farshore';

/** What an event makes of the row. Pure: `at` is the time that is recorded, ISO 8601. */
export function decide(cutover: Cutover, event: CutoverEvent, at: string): Decision {
  switch (event.type) {
    case 'evaluated':
      return evaluated(cutover, event.readiness, at);
    case 'step_started':
    case 'step_done':
    case 'step_failed':
      return stepped(cutover, event, at);
    default:
      return commanded(cutover, event, at);
  }
}

/** One state at a time, and only while no move is under way: a move goes on by its own steps. */
function evaluated(cutover: Cutover, readiness: Readiness, at: string): Decision {
  const { state, move } = cutover;
  if (move !== null || state === 'draining' || state === 'switched' || state === 'completed') return { kind: 'unchanged' };
  const to = evaluatedState(state, readiness);
  if (to === state) return { kind: 'unchanged' };
  const rises = to === 'ready' || state === 'observing';
  const reason = rises ? readiness.held : readiness.missing;
  return moved(cutover, { ...cutover, state: to, reason }, at, { by: daemon, event: 'evaluated', reason, gates: readiness.gates });
}

/** It rises by what held, and falls by what is shut now. */
function evaluatedState(state: 'observing' | 'shadowing' | 'ready', { copyOpen, copyHeld, allHeld }: Readiness): CutoverState {
  if (state === 'observing') return copyHeld ? 'shadowing' : 'observing';
  if (!copyOpen) return 'observing';
  return allHeld ? 'ready' : 'shadowing';
}

type CommandEvent = Extract<CutoverEvent, Command>;

function commanded(cutover: Cutover, event: CommandEvent, at: string): Decision {
  const { region, state, hold, move } = cutover;
  if (event.region !== region) return refused('wrong_region', `this is region ${region}, not ${event.region}`);
  if (state === 'completed') return refused('completed', 'the cutover is completed');
  switch (event.type) {
    case 'hold':
      if (move !== null) return refused('under_way', 'a move is under way: abort or revert ends it, a hold would only leave nobody open');
      if (hold !== null) return refused('already_held', `${hold.by} holds it already: ${hold.reason}`);
      return moved(cutover, { ...cutover, hold: { by: event.by, reason: event.reason, at } }, at, { ...by(event), reason: event.reason });
    case 'release':
      if (hold === null) return refused('not_held', 'nobody holds it');
      return moved(cutover, { ...cutover, hold: null }, at, { ...by(event), reason: `held by ${hold.by} until now: ${hold.reason}` });
    case 'start':
      return start(cutover, event, at);
    case 'abort':
      if (move === null) return refused('nothing_under_way', 'no move of the home is under way; hold keeps one from being started');
      return goBack(cutover, move, move.step, `${event.by} aborted it`, { ...by(event) }, at);
    case 'revert':
      return revert(cutover, event, at);
    case 'complete': {
      if (move !== null) return refused('under_way', `a move is under way, at ${move.step}`);
      if (state !== 'switched') return refused('not_switched', `the region is ${state}: only a switched one can be completed`);
      if (hold !== null) return refused('held', `${hold.by} holds it: ${hold.reason}`);
      const reason = `${event.by} completed it: it cannot be reverted any more`;
      return moved(cutover, { ...cutover, state: 'completed', reason }, at, { ...by(event), reason });
    }
    default:
      return event satisfies never;
  }
}

function start(cutover: Cutover, event: Extract<CutoverEvent, { type: 'start' }>, at: string): Decision {
  const { state, hold, move } = cutover;
  const { readiness } = event;
  if (move !== null) return refused('under_way', `a move is under way, at ${move.step}`);
  if (state === 'switched') return refused('already_switched', 'the region is home already');
  if (hold !== null) return refused('held', `${hold.by} holds it: ${hold.reason}`);
  // Asked beside the state: the state is as old as its last evaluation, the gates are of now.
  if (!readiness.allHeld) return refused('gates_shut', readiness.missing);
  if (state !== 'ready') return refused('not_ready', `the region is ${state}: ${cutover.reason}`);
  return begin(cutover, 'primary', 'region', event, readiness.gates, at);
}

function revert(cutover: Cutover, event: CommandEvent, at: string): Decision {
  const { state, move, hold } = cutover;
  if (move !== null) {
    if (move.to === 'primary') return refused('under_way', `a move back to the primary is under way, at ${move.step}`);
    return goBack(cutover, move, move.step, `${event.by} reverted it`, { ...by(event) }, at);
  }
  if (state !== 'switched') return refused('not_switched', `the region is ${state}: there is nothing to revert`);
  if (hold !== null) return refused('held', `${hold.by} holds it: ${hold.reason}`);
  return begin(cutover, 'region', 'primary', event, null, at);
}

function begin(cutover: Cutover, from: Home, to: Home, event: CommandEvent, gates: readonly GateReading[] | null, at: string): Decision {
  const reason = `${event.by} moves the home from ${from} to ${to}`;
  const move: Move = { from, to, by: event.by, direction: 'forward', step: 'freeze', started: false, results: {}, failed: null };
  return moved(cutover, { ...cutover, state: 'draining', reason, move }, at, { ...by(event), reason, gates });
}

/** Once opening was recorded, writers may have written at the new home: there is no way back without carrying that back too. */
function goBack(
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
  const raised = cutover.home === move.to;
  const back: Move = {
    ...move,
    direction: 'back',
    step: raised ? 'raise_epoch_back' : 'reopen',
    started: false,
    failed: { step, reason },
  };
  return moved(cutover, { ...cutover, state: 'draining', reason, move: back }, at, { ...entry, step, reason });
}

type StepEvent = Extract<CutoverEvent, { readonly step: CutoverStep }>;

function stepped(cutover: Cutover, event: StepEvent, at: string): Decision {
  const { move } = cutover;
  const { step } = event;
  if (move === null) return refused('nothing_under_way', `${step} belongs to no move`);
  if (move.step !== step) return refused('wrong_step', `the move stands at ${move.step}, not at ${step}`);
  if (event.type === 'step_started') {
    if (move.started) return { kind: 'unchanged' };
    return moved(
      cutover,
      { ...cutover, open: openAfterStart(cutover, move), move: { ...move, started: true } },
      at,
      stepEntry(event, 'started'),
    );
  }
  if (!move.started) return refused('wrong_step', `${step} was not recorded as started`);
  if (event.type === 'step_failed') {
    const reason = `${step} failed: ${event.reason}`;
    // Behind the point of no return a step is tried until it is done, and so is each step of the way back: there is no third place to go.
    if (move.direction === 'back' || cutover.open === move.to) {
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
  const next = move.direction === 'forward' ? forwardAfter(step as ForwardStep) : backAfter(step as BackStep);
  if (next !== undefined) {
    const raise = step === 'raise_epoch' || step === 'raise_epoch_back';
    const home = step === 'raise_epoch' ? move.to : step === 'raise_epoch_back' ? move.from : cutover.home;
    const state = step === 'raise_epoch' && move.to === 'region' ? 'switched' : cutover.state;
    return moved(
      cutover,
      {
        ...cutover,
        state,
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
function openAfterStart({ open }: Cutover, { step, from, to }: Move): Cutover['open'] {
  switch (step) {
    case 'freeze':
      return 'nobody';
    case 'open':
      return to;
    case 'reopen':
      return from;
    default:
      return open;
  }
}

function ended(cutover: Cutover, move: Move, event: Extract<StepEvent, { type: 'step_done' }>, at: string): Decision {
  const at_home = move.direction === 'forward' ? move.to : move.from;
  const state: CutoverState = at_home === 'region' ? 'switched' : move.direction === 'back' ? 'shadowing' : 'observing';
  const reason =
    move.direction === 'forward' ? `${move.to} is home and open` : `${move.failed?.reason ?? 'undone'}; ${move.from} is open again`;
  return moved(cutover, { ...cutover, state, reason, move: null }, at, { ...stepEntry(event, reason), facts: event.result ?? null });
}

const forwardAfter = (step: ForwardStep): ForwardStep | undefined => forwardSteps[forwardSteps.indexOf(step) + 1];
const backAfter = (step: BackStep): BackStep | undefined => backSteps[backSteps.indexOf(step) + 1];

const by = (event: CommandEvent): Pick<LogEntry, 'by' | 'event'> => ({ by: event.by, event: event.type });

const stepEntry = (event: StepEvent, reason: string): Pick<LogEntry, 'by' | 'event' | 'step' | 'reason' | 'facts'> => ({
  by: daemon,
  event: event.type,
  step: event.step,
  reason,
  facts: event.type === 'step_done' ? (event.result ?? null) : null,
});

const refused = (code: RefusalCode, reason: string): Decision => ({ kind: 'refused', code, reason });

/** Raises the revision, and `since` where the state changes. */
function moved(before: Cutover, next: Cutover, at: string, entry: Partial<LogEntry> & Pick<LogEntry, 'by' | 'event' | 'reason'>): Decision {
  return {
    kind: 'moved',
    next: { ...next, revision: before.revision + 1n, since: next.state === before.state ? before.since : at },
    entry: { step: null, gates: null, facts: null, ...entry },
  };
}

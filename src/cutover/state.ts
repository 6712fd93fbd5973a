import type { CutoverHold, CutoverState, CutoverStep, GateReading, Home, LossBound } from '../model/cutover.ts';
import { daemon, moved, refused } from './decision.ts';
import { toTell } from './publication.ts';
import type { EpochBegin, Offsets } from './step-contracts.ts';
import { goBack, stepped, stepsOf } from './stepping.ts';
import { endsAtPrimary, takenOver } from './take-over.ts';
import type { Readiness } from './window.ts';

export type StepResults = Readonly<Partial<Record<CutoverStep, unknown>>>;

/** What a later revert needs of the move that brought the home here. */
export interface Kept {
  readonly results: StepResults;
  readonly lost: LossBound | null;
  /** Where a revert fell back and the primary’s cluster was not told of it yet: the offsets at which the epoch of now begins in the region. */
  readonly untold?: Offsets | undefined;
  /** Of the logs that these offsets are of. */
  readonly untoldIds?: EpochBegin['topicIds'] | undefined;
}

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
  /** What each finished step came to: rights, fromOffsets, ends, digests. */
  readonly results: StepResults;
  /** Of a move away from a lost primary (C26); null: the primary is frozen and drained. */
  readonly lost: LossBound | null;
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
  /** Null while the primary is home. Once the cutover was completed there is nothing in it but what is untold. */
  readonly kept: Kept | null;
}

interface Command {
  readonly by: string;
  /** As the operator typed it. */
  readonly region: string;
}

export type CutoverEvent =
  | { readonly type: 'evaluated'; readonly readiness: Readiness }
  | ({ readonly type: 'start'; readonly readiness: Readiness; readonly lost?: LossBound } & Command)
  | ({ readonly type: 'abort' | 'revert' | 'complete' } & Command)
  | ({ readonly type: 'release' } & Command)
  | ({ readonly type: 'hold'; readonly reason: string } & Command)
  | { readonly type: 'step_started'; readonly step: CutoverStep }
  | { readonly type: 'step_done'; readonly step: CutoverStep; readonly result: unknown }
  | { readonly type: 'step_failed'; readonly step: CutoverStep; readonly reason: string }
  | { readonly type: 'primary_told'; readonly result: 'published' | 'not_allowed' };

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
  | 'primary_lost'
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
  kept: null,
});

/** What an event makes of the row. Pure: `at` is the time that is recorded, ISO 8601. */
export function decide(cutover: Cutover, event: CutoverEvent, at: string): Decision {
  switch (event.type) {
    case 'evaluated':
      return evaluated(cutover, event.readiness, at);
    case 'step_started':
    case 'step_done':
    case 'step_failed':
      return stepped(cutover, event, at);
    case 'primary_told':
      return primaryTold(cutover, event.result, at);
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

/** After it nothing is owed to the primary’s cluster any more. */
function primaryTold(cutover: Cutover, result: 'published' | 'not_allowed', at: string): Decision {
  const { kept, home, epoch, state } = cutover;
  if (kept === null || toTell(cutover) === undefined) return { kind: 'unchanged' };
  const { untold: _told, untoldIds: _ids, ...left } = kept;
  const reason =
    result === 'published'
      ? `the cluster of ${cutover.primary} is told that the ${home} is home`
      : `nothing may be told to ${cutover.primary}`;
  const next = { ...cutover, kept: state === 'completed' ? null : left };
  return moved(cutover, next, at, { by: daemon, event: 'primary_told', reason, facts: { epoch: String(epoch), result } });
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
      const { untold, untoldIds } = cutover.kept ?? {};
      const kept = untold === undefined ? null : { results: {}, lost: null, untold, untoldIds };
      return moved(cutover, { ...cutover, state: 'completed', kept, reason }, at, { ...by(event), reason });
    }
    default:
      return event satisfies never;
  }
}

function start(cutover: Cutover, event: Extract<CutoverEvent, { type: 'start' }>, at: string): Decision {
  const { state, hold, move } = cutover;
  const { readiness } = event;
  if (move !== null && endsAtPrimary(cutover, move)) {
    if (event.lost !== undefined) return takeOver(cutover, move, event, event.lost, at);
    return refused(
      'under_way',
      `a move ends at the primary, at ${move.step}; where that is lost, --primary-lost --accept-loss takes it over`,
    );
  }
  if (move !== null) return refused('under_way', `a move is under way, at ${move.step}`);
  if (state === 'switched') return refused('already_switched', 'the region is home already');
  if (hold !== null) return refused('held', `${hold.by} holds it: ${hold.reason}`);
  // Gates measure against a primary that answers: of a lost one an operator says what the bound of the loss is worth (C26).
  if (event.lost !== undefined) return begin(cutover, 'primary', 'region', event, readiness.gates, event.lost, at);
  // Asked beside the state: the state is as old as its last evaluation, the gates are of now.
  if (!readiness.allHeld) return refused('gates_shut', readiness.missing);
  if (state !== 'ready') return refused('not_ready', `the region is ${state}: ${cutover.reason}`);
  return begin(cutover, 'primary', 'region', event, readiness.gates, null, at);
}

/** The primary is gone that the move under way would open: from where it stands it becomes one away from a lost primary. */
function takeOver(cutover: Cutover, move: Move, event: Extract<CutoverEvent, { type: 'start' }>, lost: LossBound, at: string): Decision {
  const { row, results } = takenOver(cutover, move);
  const reason = `${event.by} takes the move over at ${move.step}: the primary is lost, and what it had beyond the recorded bound with it`;
  const base = { from: 'primary', to: 'region', by: event.by, direction: 'forward', started: false, results, lost, failed: null } as const;
  const next: Cutover = { ...row, state: 'draining', reason, move: { ...base, step: stepsOf(base)[0]! } };
  return moved(cutover, next, at, { ...by(event), step: move.step, reason, gates: event.readiness.gates, facts: lost });
}

function revert(cutover: Cutover, event: CommandEvent, at: string): Decision {
  const { state, move, hold } = cutover;
  if (move !== null) {
    if (move.to === 'primary') return refused('under_way', `a move back to the primary is under way, at ${move.step}`);
    return goBack(cutover, move, move.step, `${event.by} reverted it`, { ...by(event) }, at);
  }
  if (state !== 'switched') return refused('not_switched', `the region is ${state}: there is nothing to revert`);
  if (hold !== null) return refused('held', `${hold.by} holds it: ${hold.reason}`);
  if (cutover.kept?.lost) {
    return refused('primary_lost', 'the primary was given up with records that never came here: it has to be made anew from this region');
  }
  return begin(cutover, 'region', 'primary', event, null, null, at);
}

function begin(
  cutover: Cutover,
  from: Home,
  to: Home,
  event: CommandEvent,
  gates: readonly GateReading[] | null,
  lost: LossBound | null,
  at: string,
): Decision {
  const how = lost === null ? '' : '; the primary is lost, and what it had beyond the recorded bound with it';
  const reason = `${event.by} moves the home from ${from} to ${to}${how}`;
  const move = { from, to, by: event.by, direction: 'forward', started: false, results: {}, lost, failed: null } as const;
  const first: Move = { ...move, step: stepsOf(move)[0]! };
  return moved(cutover, { ...cutover, state: 'draining', reason, move: first }, at, { ...by(event), reason, gates, facts: lost });
}

const by = (event: CommandEvent): Pick<LogEntry, 'by' | 'event'> => ({ by: event.by, event: event.type });

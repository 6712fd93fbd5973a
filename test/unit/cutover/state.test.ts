import { describe, expect, it } from 'vitest';
import { type Cutover, type CutoverEvent, type Decision, decide } from '../../../src/cutover/state.ts';
import { type CutoverStep, forwardSteps } from '../../../src/model/cutover.ts';
import { at, cutover, measured, readinessOf } from './fixtures.ts';

const command = { by: 'ada', region: 'eu-west' };
const start: CutoverEvent = { type: 'start', readiness: readinessOf(), ...command };

const moved = (decision: Decision): Cutover => {
  if (decision.kind !== 'moved') throw new Error(JSON.stringify(decision));
  return decision.next;
};
const done = (row: Cutover, step: CutoverStep): Cutover => {
  const begun = moved(decide(row, { type: 'step_started', step }, at));
  return moved(decide(begun, { type: 'step_done', step, result: { step } }, at));
};
const through = (row: Cutover, last: CutoverStep): Cutover => {
  let now = row;
  for (const step of forwardSteps.slice(0, forwardSteps.indexOf(last as (typeof forwardSteps)[number]) + 1)) now = done(now, step);
  return now;
};
const ready = cutover({ state: 'ready' });
const draining = moved(decide(ready, start, at));
const switched = through(draining, 'open');
const holding = { by: 'bo', reason: 'billing run', at };
const rowIn = (name: 'observing' | 'ready' | 'draining' | 'switched' | 'completed'): Cutover =>
  ({ observing: cutover(), ready, draining, switched, completed: { ...switched, state: 'completed' as const } })[name];

describe('states that the gates move', () => {
  it('rise one at a time by what held, and fall at once by what is shut, with the reason', () => {
    const shadowing = moved(decide(cutover(), { type: 'evaluated', readiness: readinessOf() }, at));
    expect(shadowing).toMatchObject({ state: 'shadowing', revision: 2n });
    const risen = decide(shadowing, { type: 'evaluated', readiness: readinessOf() }, at);
    expect(risen).toMatchObject({ kind: 'moved', next: { state: 'ready' }, entry: { by: 'farshore', event: 'evaluated' } });
    expect(risen.kind === 'moved' && risen.entry.gates).toHaveLength(12);
    const parked = readinessOf({ parked: measured({ records: 2 }) });
    expect(moved(decide(ready, { type: 'evaluated', readiness: parked }, at))).toMatchObject({
      state: 'shadowing',
      reason: 'parked: 2 records are parked; at most 0 may be',
    });
    const behind = readinessOf({ lag: { kind: 'missing', reason: 'the primary was not reached yet' } });
    expect(moved(decide(ready, { type: 'evaluated', readiness: behind }, at))).toMatchObject({
      state: 'observing',
      reason: 'lag: the primary was not reached yet',
    });
  });

  it('are not ready before the whole window, nor after a restart', () => {
    const young = readinessOf({}, 899_999);
    expect(decide(cutover({ state: 'shadowing' }), { type: 'evaluated', readiness: young }, at)).toEqual({ kind: 'unchanged' });
    const restarted = readinessOf({}, 0);
    expect(moved(decide(ready, { type: 'evaluated', readiness: restarted }, at)).state).toBe('shadowing');
    expect(decide(cutover(), { type: 'evaluated', readiness: restarted }, at)).toEqual({ kind: 'unchanged' });
  });

  it.each(['draining', 'switched', 'completed'] as const)('leave %s alone', (state) => {
    expect(decide(rowIn(state), { type: 'evaluated', readiness: readinessOf() }, at)).toEqual({ kind: 'unchanged' });
    const shut = readinessOf({ parked: measured({ records: 2 }) });
    expect(decide(rowIn(state), { type: 'evaluated', readiness: shut }, at)).toEqual({ kind: 'unchanged' });
  });
});

describe('what operators ask for', () => {
  it.each<[string, Cutover, CutoverEvent, string]>([
    ['another region', ready, { ...start, region: 'eu-east' } as CutoverEvent, 'wrong_region'],
    ['a start that is not ready', cutover({ state: 'shadowing' }), start, 'not_ready'],
    ['a start with a gate shut since', ready, { ...start, readiness: readinessOf({ parked: measured({ records: 1 }) }) }, 'gates_shut'],
    ['a start before the window is full', ready, { ...start, readiness: readinessOf({}, 100) }, 'gates_shut'],
    ['a start that is held', { ...ready, hold: holding }, start, 'held'],
    ['a second start', draining, start, 'under_way'],
    ['a start of what is switched', switched, start, 'already_switched'],
    ['a start of what is completed', rowIn('completed'), start, 'completed'],
    ['an abort of nothing', ready, { type: 'abort', ...command }, 'nothing_under_way'],
    ['an abort after the switch', switched, { type: 'abort', ...command }, 'nothing_under_way'],
    ['a revert before anything', ready, { type: 'revert', ...command }, 'not_switched'],
    ['a revert that is held', { ...switched, hold: holding }, { type: 'revert', ...command }, 'held'],
    ['a revert of what is completed', rowIn('completed'), { type: 'revert', ...command }, 'completed'],
    ['a completion before the switch', ready, { type: 'complete', ...command }, 'not_switched'],
    ['a completion while it moves', draining, { type: 'complete', ...command }, 'under_way'],
    ['a completion that is held', { ...switched, hold: holding }, { type: 'complete', ...command }, 'held'],
    ['a second hold', { ...ready, hold: holding }, { type: 'hold', reason: 'mine', ...command }, 'already_held'],
    ['a hold while it moves', draining, { type: 'hold', reason: 'mine', ...command }, 'under_way'],
    ['a release of nothing', ready, { type: 'release', ...command }, 'not_held'],
    ['a step of nothing', ready, { type: 'step_started', step: 'freeze' }, 'nothing_under_way'],
    ['a step out of turn', draining, { type: 'step_started', step: 'open' }, 'wrong_step'],
    ['a step that was not recorded as started', draining, { type: 'step_done', step: 'read_rights', result: null }, 'wrong_step'],
  ])('is refused: %s', (_what, row, event, code) => {
    expect(decide(row, event, at)).toMatchObject({ kind: 'refused', code, reason: expect.stringMatching(/.{10}/) });
  });

  it('holds and releases with who and why', () => {
    const held = moved(decide(ready, { type: 'hold', reason: 'billing run', ...command }, at));
    expect(held.hold).toEqual({ by: 'ada', reason: 'billing run', at });
    expect(moved(decide(held, { type: 'release', ...command }, at))).toMatchObject({ hold: null, revision: 3n, since: at });
  });
});

describe('a move of the home', () => {
  it('C24, C25, C3: goes through every step, each recorded before and after, and opens last', () => {
    expect(draining).toMatchObject({ state: 'draining', open: 'primary', epoch: 1n, move: { step: 'read_rights', started: false } });
    expect(moved(decide(through(draining, 'read_rights'), { type: 'step_started', step: 'freeze' }, at)).open).toBe('nobody');
    expect(through(draining, 'from_offsets')).toMatchObject({ state: 'draining', home: 'primary', epoch: 1n, open: 'nobody' });
    expect(through(draining, 'raise_epoch')).toMatchObject({ state: 'draining', home: 'region', epoch: 2n, open: 'nobody' });
    expect(through(draining, 'publish_home').open).toBe('nobody');
    expect(switched).toMatchObject({ state: 'switched', home: 'region', epoch: 2n, open: 'region', move: null });
    const completed = moved(decide(switched, { type: 'complete', ...command }, at));
    expect(completed).toMatchObject({ state: 'completed', open: 'region', epoch: 2n });
  });

  it.each(forwardSteps.slice(0, -1))('falls back when %s fails, and opens the primary again', (step) => {
    const before = step === 'read_rights' ? draining : through(draining, forwardSteps[forwardSteps.indexOf(step) - 1]!);
    const begun = moved(decide(before, { type: 'step_started', step }, at));
    let row = moved(decide(begun, { type: 'step_failed', step, reason: 'no answer' }, at));
    const raised = forwardSteps.indexOf(step) > forwardSteps.indexOf('raise_epoch');
    expect(row).toMatchObject({
      state: 'draining',
      reason: `${step} failed: no answer`,
      move: { direction: 'back', step: raised ? 'raise_epoch_back' : 'reopen' },
    });
    while (row.move !== null) row = done(row, row.move.step);
    expect(row).toMatchObject({ state: 'shadowing', home: 'primary', open: 'primary', epoch: raised ? 3n : 1n });
    expect(row.reason).toBe(`${step} failed: no answer; primary is open again`);
  });

  it('is tried again where there is no way back: opening, and each step of the way back', () => {
    const opening = moved(decide(through(draining, 'publish_home'), { type: 'step_started', step: 'open' }, at));
    expect(opening.open).toBe('region');
    const failed = moved(decide(opening, { type: 'step_failed', step: 'open', reason: 'the hook' }, at));
    expect(failed).toMatchObject({ open: 'region', state: 'switched', move: { step: 'open', started: true, direction: 'forward' } });
    expect(decide(failed, { type: 'abort', ...command }, at)).toMatchObject({ kind: 'refused', code: 'already_opening' });
    const back = moved(decide(draining, { type: 'abort', ...command }, at));
    const again = moved(
      decide(moved(decide(back, { type: 'step_started', step: 'reopen' }, at)), { type: 'step_failed', step: 'reopen', reason: 'x' }, at),
    );
    expect(again.move).toMatchObject({ step: 'reopen', direction: 'back', failed: { step: 'reopen', reason: 'x' } });
    expect(decide(again, { type: 'abort', ...command }, at)).toMatchObject({ kind: 'refused', code: 'going_back' });
  });

  const lost = { lagSeconds: 3, partitions: [] };
  const giveUp: CutoverEvent = { type: 'start', readiness: readinessOf(), lost, ...command };

  it('C26: is taken over where it can end at the lost primary only, and nowhere else', () => {
    const back = moved(decide(draining, { type: 'abort', ...command }, at));
    expect(decide(back, start, at)).toMatchObject({
      kind: 'refused',
      code: 'under_way',
      reason: expect.stringContaining('--primary-lost'),
    });
    expect(moved(decide(back, giveUp, at))).toMatchObject({ epoch: 1n, move: { step: 'fence_mirror', direction: 'forward', lost } });
    const reverting = moved(decide(switched, { type: 'revert', ...command }, at));
    const backInRegion = moved(decide(through(reverting, 'raise_epoch'), { type: 'abort', ...command }, at));
    for (const row of [draining, through(draining, 'raise_epoch'), reverting, through(reverting, 'publish_home'), backInRegion])
      expect(decide(row, giveUp, at)).toMatchObject({ kind: 'refused', code: 'under_way' });
    const opening = moved(decide(through(reverting, 'publish_home'), { type: 'step_started', step: 'open' }, at));
    const over = moved(decide(opening, giveUp, at));
    // The rights that the switch had taken: were it to fall back, they are what is given.
    expect(over).toMatchObject({
      home: 'primary',
      epoch: 3n,
      open: 'primary',
      move: { results: { read_rights: { step: 'read_rights' } }, lost },
    });
    expect(moved(decide(over, { type: 'step_started', step: 'fence_mirror' }, at)).open).toBe('nobody');
  });

  it('C24: raises the epoch above the one that the primary was perhaps told, when it is taken over', () => {
    let row = moved(decide(through(draining, 'raise_epoch'), { type: 'abort', ...command }, at));
    expect(row).toMatchObject({ home: 'region', epoch: 2n, move: { step: 'raise_epoch_back' } });
    row = moved(decide(row, giveUp, at));
    expect(row).toMatchObject({ home: 'primary', epoch: 3n });
    // What is told of that epoch is told again where the move falls back: nobody knows whether it was.
    expect(moved(decide(row, { type: 'abort', ...command }, at)).move).toMatchObject({ direction: 'back', step: 'publish_home_back' });
    while (row.move !== null) row = done(row, row.move.step);
    expect(row).toMatchObject({ state: 'switched', home: 'region', open: 'region', epoch: 4n, kept: { lost } });
  });

  it('C24: a later revert tells the primary a later epoch, and what was owed is not told behind it', () => {
    let row = moved(decide(switched, { type: 'revert', ...command }, at));
    row = moved(decide(through(row, 'from_offsets'), { type: 'step_started', step: 'raise_epoch' }, at));
    const regional = { orders: { '0': '7' } };
    row = { ...row, move: { ...row.move!, results: { ...row.move!.results, from_offsets: { regional, regionalIds: { orders: 'A' } } } } };
    row = moved(
      decide(moved(decide(row, { type: 'step_done', step: 'raise_epoch', result: null }, at)), { type: 'abort', ...command }, at),
    );
    while (row.move !== null) row = done(row, row.move.step);
    expect(row).toMatchObject({ open: 'region', epoch: 4n, kept: { untold: regional, untoldIds: { orders: 'A' } } });
    const told: CutoverEvent = { type: 'primary_told', result: 'not_allowed' };
    expect(Object.keys(moved(decide(row, told, at)).kept!)).toEqual(['results', 'lost']);
    const again = moved(decide(row, { type: 'revert', ...command }, at));
    expect(decide(again, told, at)).toEqual({ kind: 'unchanged' });
    expect(through(again, 'open')).toMatchObject({ home: 'primary', open: 'primary', epoch: 5n, kept: null });
  });

  it('reverts from draining by going back, and from switched by moving the home again', () => {
    expect(moved(decide(draining, { type: 'revert', ...command }, at)).move).toMatchObject({ direction: 'back', step: 'reopen' });
    const reverting = moved(decide(switched, { type: 'revert', ...command }, at));
    expect(reverting).toMatchObject({ state: 'draining', open: 'region', move: { from: 'region', to: 'primary', step: 'read_rights' } });
    expect(decide(reverting, { type: 'revert', ...command }, at)).toMatchObject({ kind: 'refused', code: 'under_way' });
    expect(through(reverting, 'open')).toMatchObject({ state: 'observing', home: 'primary', open: 'primary', epoch: 3n, move: null });
    let row = moved(decide(through(reverting, 'raise_epoch'), { type: 'abort', ...command }, at));
    while (row.move !== null) row = done(row, row.move.step);
    expect(row).toMatchObject({ state: 'switched', home: 'region', open: 'region', epoch: 4n });
  });
});

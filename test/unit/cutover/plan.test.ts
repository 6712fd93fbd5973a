import { describe, expect, it } from 'vitest';
import { stepsNow, verbsNow } from '../../../src/cutover/plan.ts';
import { decide, type Move } from '../../../src/cutover/state.ts';
import { cutoverVerbs } from '../../../src/model/cutover.ts';
import { at, cutover, readinessOf } from './fixtures.ts';

const move: Move = {
  from: 'primary',
  to: 'region',
  by: 'ada',
  direction: 'forward',
  step: 'drain_passed',
  started: true,
  results: {},
  lost: null,
  failed: null,
};
const states = (row: Parameters<typeof stepsNow>[0]) => stepsNow(row).map(({ step, state }) => `${step} ${state}`);

describe('the plan', () => {
  it('shows where a move stands', () => {
    const draining = cutover({ state: 'draining', open: 'nobody', move });
    expect(states(draining).slice(3, 8)).toEqual([
      'drain_first_hop done',
      'drain_last_stable done',
      'drain_passed started',
      'drain_nothing_waiting to_do',
      'fence_mirror to_do',
    ]);
    expect(states({ ...draining, move: { ...move, direction: 'back', step: 'reopen', started: false } })).toEqual(['reopen to_do']);
    const raised = { ...move, direction: 'back' as const, step: 'publish_home_back' as const, results: { raise_epoch: {} } };
    expect(states({ ...draining, move: raised })).toEqual(['raise_epoch_back done', 'publish_home_back started', 'reopen to_do']);
    expect(new Set(stepsNow(cutover()).map(({ state }) => state))).toEqual(new Set(['to_do']));
    const switched = cutover({ state: 'switched', home: 'region', open: 'region', epoch: 2n });
    expect(new Set(stepsNow(switched).map(({ state }) => state))).toEqual(new Set(['done']));
  });

  it('takes no verb that cannot be acted on as it is configured, also where the decision would', () => {
    const ready = cutover({ state: 'ready' });
    expect(decide(ready, { type: 'start', by: 'ada', region: 'eu-west', readiness: readinessOf() }, at).kind).toBe('moved');
    const verbs = new Map(
      verbsNow(ready, readinessOf(), { kind: 'none' }, (verb) => (verb === 'start' ? 'nothing freezes the primary' : null)).map(
        ({ verb, refused }) => [verb, refused],
      ),
    );
    expect([...verbs.keys()]).toEqual(cutoverVerbs);
    expect(verbs.get('start')).toBe('nothing freezes the primary');
    expect(cutoverVerbs.filter((verb) => verbs.get(verb) === null)).toEqual(['hold']);
    expect(verbsNow(ready, readinessOf(), { kind: 'none' }, () => null).find(({ verb }) => verb === 'start')?.refused).toBeNull();
  });

  it('says that the file holds what it would hold', () => {
    const verbs = verbsNow(cutover({ state: 'ready' }), readinessOf(), { kind: 'on' }, () => null);
    expect(verbs.find(({ verb }) => verb === 'start')?.refused).toBe('cutover.holdFile holds it: the file exists');
    expect(verbs.find(({ verb }) => verb === 'hold')?.refused).toBeNull();
  });
});

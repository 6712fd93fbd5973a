import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Difference } from '../../../src/shadow/difference.ts';
import {
  afterAsk,
  afterPass,
  afterSleep,
  type Ladder,
  type LadderRules,
  ladderStart,
  ladderStep,
  ladderWaits,
  type Told,
} from '../../../src/shadow/ladder.ts';
import type { Judgement, Verdict } from '../../../src/shadow/verdict.ts';

/** What a service answers: a version of a row, and a mark that may be another in each answer. */
interface Shown {
  readonly version: number;
  readonly mark: number;
}

const difference: Difference = { path: '$.version', place: '$.version', kind: 'value', primary: undefined, region: undefined };

/** The mark is known noise when `noiseKnown`; else it is a difference like any other. */
const judgeWith =
  (noiseKnown: boolean) =>
  (primary: Shown, other: Shown): Judgement => {
    if (primary.version !== other.version || (!noiseKnown && primary.mark !== other.mark))
      return { kind: 'differs', differences: [difference], sure: true };
    return primary.mark === other.mark ? { kind: 'same' } : { kind: 'noise', differences: [difference] };
  };

interface World {
  /** Times at which the row gets its next version at the primary. */
  readonly writes: readonly number[];
  /** From a commit until the record is in the log, and from the log to the region. */
  readonly publishMs: number;
  readonly lagMs: number;
  readonly answerMs: number;
  /** Every answer has a mark of its own. */
  readonly marked: boolean;
  readonly noiseKnown: boolean;
  /** The region shows another version than it has. */
  readonly wrong: boolean;
}

const rules: LadderRules = { waitsMs: ladderWaits([1_000, 5_000], 3_000, 60_000, 2), publishAllowanceMs: 200, times: 2 };

/** Plays one request against a world whose clock only moves by what the ladder does. */
function play(world: World, passWaitMs: number, ladderRules: LadderRules = rules): Verdict {
  let nowMs = 0;
  let marks = 0;
  const versionAt = (ms: number): number => world.writes.filter((at) => at <= ms).length;
  const show = (version: number): Shown => {
    marks += 1;
    return { version, mark: world.marked ? marks : 0 };
  };
  const ask = (side: 'primary' | 'region'): Told<Shown> => {
    nowMs += world.answerMs;
    if (side === 'primary') return { kind: 'answer', answer: show(versionAt(nowMs)) };
    return { kind: 'answer', answer: show(versionAt(nowMs - world.publishMs - world.lagMs) + (world.wrong ? 1_000 : 0)) };
  };
  /** The ends are what is in the log when this is asked; the region has passed them once they are as old as the lag. */
  const pass = (): 'passed' | 'not_yet' => {
    const newest = world.writes.filter((at) => at + world.publishMs <= nowMs).at(-1);
    const passedAt = newest === undefined ? nowMs : Math.max(nowMs, newest + world.publishMs + world.lagMs);
    nowMs = Math.min(passedAt, nowMs + passWaitMs);
    return passedAt <= nowMs ? 'passed' : 'not_yet';
  };
  let ladder: Ladder<Shown> = ladderStart;
  for (let steps = 0; steps < 100; steps += 1) {
    const step = ladderStep(ladder, ladderRules);
    if (step.do === 'end') return step.verdict;
    if (step.do === 'sleep') {
      nowMs += step.ms;
      ladder = afterSleep(ladder);
    } else if (step.do === 'pass') ladder = afterPass(ladder, pass(), ladderRules);
    else ladder = afterAsk(ladder, ask(step.side), judgeWith(world.noiseKnown), ladderRules);
  }
  throw new Error('the ladder has no end');
}

const worlds = fc.record({
  writes: fc.array(fc.integer({ min: -5_000, max: 30_000 }), { maxLength: 30 }).map((times) => times.toSorted((a, b) => a - b)),
  publishMs: fc.integer({ min: 0, max: 200 }),
  lagMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20_000 })),
  answerMs: fc.integer({ min: 0, max: 2_000 }),
  marked: fc.boolean(),
  noiseKnown: fc.boolean(),
});

describe('the ladder', () => {
  it('C20: confirms no difference of a region that is only behind, whatever is written and however noisy the answers', () => {
    const results = new Set<string>();
    fc.assert(
      // A write is never undone here, so that one bracket must be enough to tell.
      fc.property(worlds, fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 1, max: 2 }), (world, passWaitMs, times) => {
        const { result } = play({ ...world, wrong: false }, passWaitMs, { ...rules, times });
        results.add(result);
        expect(result).not.toBe('mismatch');
      }),
      { numRuns: 5_000 },
    );
    expect([...results].toSorted()).toEqual(['lag', 'match', 'noise', 'unsettled']);
  });

  it('C20: confirms a region that is wrong as soon as the primary stands still for two brackets', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const verdict = play({ ...world, writes: world.writes.filter((at) => at < 0), noiseKnown: true, wrong: true }, 60_000);
        expect(verdict.result).toBe('mismatch');
      }),
      { numRuns: 2_000 },
    );
  });

  it('C20: never calls a region that is wrong right', () => {
    fc.assert(
      fc.property(worlds, fc.integer({ min: 0, max: 10_000 }), (world, passWaitMs) => {
        expect(['mismatch', 'unsettled']).toContain(play({ ...world, wrong: true }, passWaitMs).result);
      }),
      { numRuns: 2_000 },
    );
  });

  it('C20: a value that goes and comes back between the primary’s two answers is not confirmed by one bracket', () => {
    const judge = (primary: string, other: string): Judgement =>
      primary === other ? { kind: 'same' } : { kind: 'differs', differences: [difference], sure: true };
    const told = (answer: string): Told<string> => ({ kind: 'answer', answer });
    // First look, then one bracket in which the region answers what was in between, then one in which it is right.
    const asked = ['on', 'off', 'on', 'off', 'on', 'on', 'on', 'on'];
    let ladder: Ladder<string> = ladderStart;
    for (;;) {
      const step = ladderStep(ladder, rules);
      if (step.do === 'end') break;
      if (step.do === 'sleep') ladder = afterSleep(ladder);
      else if (step.do === 'pass') ladder = afterPass(ladder, 'passed', rules);
      else ladder = afterAsk(ladder, told(asked.shift()!), judge, rules);
    }
    expect(ladder).toEqual({ at: 'ended', verdict: { result: 'lag', differences: [] } });
  });

  it('C20: a difference where the primary was seen to disagree with itself is not confirmed before it is known how often', () => {
    const judge = (primary: number, other: number): Judgement =>
      primary === other ? { kind: 'same' } : { kind: 'differs', differences: [difference], sure: false };
    let ladder: Ladder<number> = ladderStart;
    for (;;) {
      const step = ladderStep(ladder, rules);
      if (step.do === 'end') break;
      if (step.do === 'sleep') ladder = afterSleep(ladder);
      else if (step.do === 'pass') ladder = afterPass(ladder, 'passed', rules);
      else ladder = afterAsk(ladder, { kind: 'answer', answer: step.side === 'primary' ? 1 : 2 }, judge, rules);
    }
    expect(ladder).toMatchObject({ verdict: { result: 'unsettled', reason: 'noise_unknown' } });
  });

  it('C20: what one bracket shows here and another there is confirmed nowhere', () => {
    const at = (path: string): Difference => ({ ...difference, path, place: path });
    const judge = (primary: string, other: string): Judgement =>
      primary === other
        ? { kind: 'same' }
        : { kind: 'differs', differences: [at('$.wrong'), at(`$.${other}`)].slice(other.length - 1), sure: true };
    const play = (region: readonly string[]) => {
      const answers = [...region];
      let ladder: Ladder<string> = ladderStart;
      for (;;) {
        const step = ladderStep(ladder, rules);
        if (step.do === 'end') return step.verdict;
        if (step.do === 'sleep') ladder = afterSleep(ladder);
        else if (step.do === 'pass') ladder = afterPass(ladder, 'passed', rules);
        else ladder = afterAsk(ladder, { kind: 'answer', answer: step.side === 'primary' ? 'p' : answers.shift()! }, judge, rules);
      }
    };
    expect(play(['a', 'a', 'b'])).toEqual({ result: 'mismatch', differences: [at('$.wrong')] });
    expect(play(['aa', 'aa', 'bb', 'cc', 'dd'])).toMatchObject({ result: 'unsettled', reason: 'unconfirmed' });
    expect(play(['aa', 'aa', 'bb', 'bb'])).toMatchObject({ result: 'mismatch', differences: [at('$.bb')] });
  });

  it.each([
    ['nothing healed: noise under its own name', ['$.mark'], ['$.mark'], 'noise'],
    ['something healed beside it', ['$.version', '$.mark'], ['$.mark'], 'lag'],
    ['all of it healed', ['$.version'], [], 'lag'],
  ] as const)('a place that becomes noise while it is asked again, and %s', (_name, seenFirst, seenThen, result) => {
    const at = (path: string): Difference => ({ ...difference, path, place: path });
    const looks: Judgement[] = [{ kind: 'differs', differences: seenFirst.map(at), sure: true }];
    const then: Judgement = seenThen.length === 0 ? { kind: 'same' } : { kind: 'noise', differences: seenThen.map(at) };
    let ladder: Ladder<string> = ladderStart;
    for (;;) {
      const step = ladderStep(ladder, rules);
      if (step.do === 'end') break;
      if (step.do === 'sleep') ladder = afterSleep(ladder);
      else if (step.do === 'pass') ladder = afterPass(ladder, 'passed', rules);
      else ladder = afterAsk(ladder, { kind: 'answer', answer: step.side }, () => looks.shift() ?? then, rules);
    }
    expect(ladder).toEqual({ at: 'ended', verdict: { result, differences: seenThen.map(at) } });
  });

  it('C20: reads the primary’s ends only after its first answer was given time to be published', () => {
    const late = { writes: [0], publishMs: 200, lagMs: 0, answerMs: 1, marked: false, noiseKnown: true, wrong: false };
    expect(play(late, 60_000, { ...rules, times: 1 }).result).toBe('lag');
  });

  it('tells an exchange that failed before a difference was seen from one after it', () => {
    const judge = judgeWith(true);
    const failed: Told<Shown> = { kind: 'error', side: 'region', reason: 'timeout' };
    const first = afterAsk(ladderStart, { kind: 'answer', answer: { version: 1, mark: 0 } }, judge, rules);
    expect(afterAsk<Shown>(first, failed, judge, rules)).toEqual({
      at: 'ended',
      verdict: { result: 'error', side: 'region', reason: 'timeout' },
    });
    let ladder: Ladder<Shown> = afterAsk<Shown>(first, { kind: 'answer', answer: { version: 2, mark: 0 } }, judge, rules);
    expect(ladder.at).toBe('before');
    for (let rung = 0; rung <= rules.waitsMs.length; rung += 1) {
      ladder = afterSleep(ladder);
      ladder = afterAsk(ladder, { kind: 'shed', reason: 'breaker_open' }, judge, rules);
    }
    expect(ladder).toEqual({ at: 'ended', verdict: { result: 'unsettled', reason: 'shed', differences: [difference] } });
  });

  it('waits up to the lag, never longer than allowed, and often enough', () => {
    expect(ladderWaits([1_000, 5_000], 7_000, 60_000, 2)).toEqual([1_000, 5_000, 7_000]);
    expect(ladderWaits([1_000, 5_000], 90_000, 60_000, 2)).toEqual([1_000, 5_000, 60_000]);
    expect(ladderWaits([1_000, 5_000], undefined, 60_000, 2)).toEqual([1_000, 5_000, 60_000]);
    expect(ladderWaits([], 10, 60_000, 4)).toEqual([10, 10, 10, 10]);
  });
});

import fc from 'fast-check';
import type { Answer } from '../../../src/shadow/contracts.ts';
import { compareAnswers } from '../../../src/shadow/differ.ts';
import { compareLimits, type Difference } from '../../../src/shadow/difference.ts';
import { type CompareRule, RuleBook } from '../../../src/shadow/rules.ts';

export const answer = (body: string | Buffer, changes: Partial<Answer> = {}): Answer => ({
  status: 200,
  headers: new Map([['content-type', 'application/json']]),
  body: typeof body === 'string' ? Buffer.from(body) : body,
  truncated: false,
  elapsedMs: 1,
  ...changes,
});

export const rule = (path: string, changes: Partial<CompareRule> = {}): CompareRule => ({
  ...{ route: undefined, path, ignore: false, round: undefined, withinMs: undefined, lowerCase: false, unordered: false },
  ...{ unorderedBy: undefined, replace: undefined },
  ...changes,
});

export const settings = (rules: readonly CompareRule[] = [], headers: readonly string[] = ['content-type']) => ({
  rules: new RuleBook(rules).of('GET /'),
  headers,
  limits: compareLimits,
  nowMs: () => 0,
});

export function differences(primary: string | Answer, region: string | Answer, rules: readonly CompareRule[] = []): readonly Difference[] {
  const of = (given: string | Answer): Answer => (typeof given === 'string' ? answer(given) : given);
  const outcome = compareAnswers(of(primary), of(region), settings(rules));
  if (outcome.kind !== 'compared') throw new Error(outcome.reason);
  return outcome.differences;
}

export const found = (primary: string | Answer, region: string | Answer, rules: readonly CompareRule[] = []): readonly string[] =>
  differences(primary, region, rules).map(({ kind, path }) => `${kind} ${path}`);

/** Documents whose keys are no ids. */
export const documents = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(fc.string({ maxLength: 8 }), fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', '.', '"'), minLength: 1, maxLength: 4 }), tie('value'), {
      maxKeys: 5,
    }),
  ),
})).value;

import type { Answer } from '../../src/shadow/contracts.ts';
import { compareAnswers } from '../../src/shadow/differ.ts';
import { compareLimits } from '../../src/shadow/difference.ts';
import { type CompareRule, RuleBook } from '../../src/shadow/rules.ts';
import { line } from './line.ts';
import type { BenchRun } from './options.ts';

const ITEMS = 17;

/** Some 2 KB of JSON, as a list of an order's lines. */
function order(id: number, { price, at }: { readonly price: number; readonly at: number }): string {
  const items = Array.from({ length: ITEMS }, (_, item) => ({
    ...{ sku: `SKU-${id}-${item}`, name: `Line ${item} of the order`, quantity: (item % 5) + 1 },
    ...{ price: item === 3 ? price : 19.9 + item, available: item % 2 === 0 },
  }));
  return JSON.stringify({
    id,
    customer: { id: 4_711, email: 'someone@example.org', name: 'Some One' },
    currency: 'EUR',
    items,
    updatedAt: at,
  });
}

const answer = (body: string): Answer => ({
  status: 200,
  headers: new Map([['content-type', 'application/json; charset=utf-8']]),
  body: Buffer.from(body),
  truncated: false,
  elapsedMs: 1,
});

const rule = (path: string, changes: Partial<CompareRule>): CompareRule => ({
  ...{ route: undefined, path, ignore: false, round: undefined, withinMs: undefined, lowerCase: false, unordered: false },
  ...{ unorderedBy: undefined, replace: undefined },
  ...changes,
});

/** Answers that differ in one ignored number, so that none is settled by its bytes alone; one of them also in a price. */
const cases: readonly { readonly name: string; readonly rules: readonly CompareRule[]; readonly wrongEvery: number }[] = [
  { name: '2k-ordered', rules: [rule('updatedAt', { ignore: true })], wrongEvery: 100 },
  { name: '2k-unordered', rules: [rule('updatedAt', { ignore: true }), rule('items', { unordered: true })], wrongEvery: 100 },
  { name: '2k-by-field', rules: [rule('updatedAt', { ignore: true }), rule('items', { unorderedBy: 'sku' })], wrongEvery: 1 },
];

/** Compared pairs a second on one core: what comparing alone allows, without asking anybody. */
export async function benchCompare({ records, runs, only, say, emit }: BenchRun): Promise<void> {
  for (const { name, rules, wrongEvery } of cases) {
    if (only !== undefined && only !== name) continue;
    const settings = {
      rules: new RuleBook(rules).of('GET /orders/{id}'),
      headers: ['content-type'],
      limits: compareLimits,
      nowMs: () => performance.now(),
    };
    const pairs = Array.from({ length: 1_000 }, (_, id) => ({
      primary: answer(order(id, { price: 12.5, at: 1 })),
      region: answer(order(id, { price: id % wrongEvery === 0 ? 12.51 : 12.5, at: 2 })),
      wrong: id % wrongEvery === 0,
    }));
    say(`${name}: pairs of ${pairs[0]!.primary.body.length} bytes`);
    const rates = Array.from({ length: runs }, () => {
      const startedMs = performance.now();
      for (let at = 0; at < records; at += 1) {
        const { primary, region, wrong } = pairs[at % pairs.length]!;
        const outcome = compareAnswers(primary, region, settings);
        if (outcome.kind !== 'compared' || outcome.differences.length !== (wrong ? 1 : 0)) throw new Error(`${name} compares wrongly`);
      }
      return (records * 1_000) / (performance.now() - startedMs);
    });
    // The rest of the 500 requests a second is asking: two connections, and the ladder.
    emit(line('compare', { case: name, unit: 'pairs/s' }, rates, undefined, { target: 'P13', kind: 'at_least', ratio: 500 }));
  }
}

import { expect, it } from 'vitest';
import { nextLookMs } from '../../../src/kafka/topic-tail.ts';

it('a followed topic is looked at less often while it is not there, and ever less often while it cannot be read', () => {
  expect(nextLookMs(2_000, 0, true)).toBe(2_000);
  expect(nextLookMs(2_000, 0, false)).toBe(10_000);
  expect(nextLookMs(60_000, 0, false)).toBe(60_000);
  expect([1, 2, 4, 50].map((failures) => nextLookMs(2_000, failures, false))).toEqual([4_000, 8_000, 30_000, 30_000]);
});

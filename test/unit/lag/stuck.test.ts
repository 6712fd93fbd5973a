import { expect, it } from 'vitest';
import { StuckEnds } from '../../../src/lag/stuck.ts';

it('a last stable offset is stuck while it stands still below the high watermark', () => {
  const stuck = new StuckEnds();
  expect(stuck.longestSeconds()).toBeUndefined();
  stuck.read('t:0', 1_000, 10n, 10n);
  expect(stuck.longestSeconds()).toBe(0);
  stuck.read('t:0', 2_000, 10n, 15n);
  stuck.read('t:0', 5_000, 10n, 40n);
  stuck.read('t:1', 5_000, 7n, 9n);
  expect(stuck.longestSeconds()).toBe(3);
  stuck.read('t:0', 6_000, 30n, 40n);
  expect(stuck.longestSeconds()).toBe(0);
  stuck.read('t:0', 7_500, 30n, 44n);
  expect(stuck.longestSeconds()).toBe(1.5);
  stuck.keepOnly(new Set(['t:1']));
  expect(stuck.longestSeconds()).toBe(0);
});

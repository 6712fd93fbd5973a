import { describe, expect, it } from 'vitest';
import { areAll, partitionsWanted } from '../../../src/cutover/moving-partitions.ts';

const counts = { recorded: 2, inRegion: undefined, isHomeHere: false, isLost: false };
const all = (side: 'primary' | 'region', count: number, more: Partial<Parameters<typeof partitionsWanted>[1]> = {}) =>
  areAll(count, partitionsWanted(side, { ...counts, ...more }));

describe('the partitions that move with a topic', () => {
  it('C1: are those that the ledger has while the primary is home: what is in one that was just added would be left behind', () => {
    for (const side of ['primary', 'region'] as const) expect([1, 2, 3].map((count) => all(side, count))).toEqual([false, true, false]);
  });

  it('are those of the region while that is home: a topic that grew there could not be reverted', () => {
    const grown = { isHomeHere: true, inRegion: 3 };
    expect([1, 2, 3].map((count) => all('region', count, grown))).toEqual([false, true, true]);
    expect(
      [2, 3, 4].map((count) => all('primary', count, grown)),
      'the way back has yet to make it',
    ).toEqual([false, true, false]);
  });

  it('C26: are also those that a lost primary’s growth added here: a growth under way kept its region from taking over', () => {
    expect([1, 2, 3].map((count) => all('region', count, { isLost: true }))).toEqual([false, true, true]);
  });
});

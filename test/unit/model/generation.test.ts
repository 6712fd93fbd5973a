import { describe, expect, it } from 'vitest';
import { barrierWaitsFor, type Generation, generationAt } from '../../../src/model/generation.ts';
import { regionalOffset } from '../../../src/model/offsets.ts';

const at = regionalOffset;
const grown: readonly Generation[] = [
  {
    generation: 1,
    starts: new Map([
      [0, at(0n)],
      [1, at(0n)],
    ]),
  },
  {
    generation: 2,
    starts: new Map([
      [0, at(1_000_000n)],
      [1, at(500n)],
      [2, at(0n)],
    ]),
  },
];

describe('generations of a topic', () => {
  it('C1: a record belongs to the newest generation that starts at or before it', () => {
    expect(generationAt(grown, 1, at(499n))).toEqual({ generation: 1, end: at(500n) });
    expect(generationAt(grown, 1, at(500n))).toEqual({ generation: 2, end: undefined });
    expect(generationAt(grown, 2, at(0n))).toEqual({ generation: 2, end: undefined });
  });

  it('C1: nothing of a partition is applied before the ledger knows it', () => {
    expect(generationAt(grown, 3, at(0n))).toBeUndefined();
  });

  it('C1: a raise is a barrier until every partition has applied the end of the old generation', () => {
    const applied = new Map([
      [0, at(999_999n)],
      [1, at(500n)],
      [2, at(0n)],
    ]);
    expect(barrierWaitsFor(grown, 2, applied)).toEqual([0]);
    expect(barrierWaitsFor(grown, 2, new Map([...applied, [0, at(1_000_000n)]]))).toEqual([]);
    expect(barrierWaitsFor(grown, 1, new Map())).toEqual([]);
  });

  it('C1: a partition of which nothing is known holds the barrier', () => {
    expect(barrierWaitsFor(grown, 2, new Map([[1, at(500n)]]))).toEqual([0]);
  });
});

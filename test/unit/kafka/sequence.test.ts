import { describe, expect, it } from 'vitest';
import { incrementSequence } from '../../../src/kafka/batch/sequence.ts';

const MOST = 2 ** 31 - 1;

describe('incrementSequence', () => {
  it('C12: sequences wrap from 2^31 - 1 to 0, also in the middle of a batch', () => {
    expect(incrementSequence(MOST, 1)).toBe(0);
    expect(incrementSequence(2 ** 31 - 3, 2)).toBe(MOST);
    expect(incrementSequence(2 ** 31 - 3, 3)).toBe(0);
    expect(incrementSequence(2 ** 31 - 3, 10)).toBe(7);
  });

  it('C12: counting record by record and batch by batch come to the same', () => {
    let sequence = 2 ** 31 - 3;
    for (let record = 0; record < 500; record++) sequence = incrementSequence(sequence, 1);
    expect(incrementSequence(2 ** 31 - 3, 500)).toBe(sequence);
  });

  it('counts plainly below the wrap', () => {
    expect(incrementSequence(0, 0)).toBe(0);
    expect(incrementSequence(0, MOST)).toBe(MOST);
    expect(incrementSequence(41, 1)).toBe(42);
  });
});

import { describe, expect, it } from 'vitest';
import { FetchTurns } from '../../../src/kafka/fetch-turns.ts';

describe('FetchTurns', () => {
  it('brings every partition of a broker to the front as often as the others, whatever other brokers are asked between', () => {
    for (const partitions of [2, 3, 4, 8]) {
      const turns = new FetchTurns();
      const parts = Array.from({ length: partitions }, (_, partition) => partition);
      const first = new Array<number>(partitions).fill(0);
      for (let n = 0; n < partitions * 10; n++) {
        // A broker that holds its answer back is asked every second time.
        if (n % 2 === 0) turns.inTurn(2, parts);
        first[turns.inTurn(1, parts)[0]!]!++;
      }
      expect(first).toEqual(parts.map(() => 10));
    }
  });

  it('keeps the order, and every partition in it', () => {
    const turns = new FetchTurns();
    expect([1, 2, 3, 4].map(() => turns.inTurn(1, ['a', 'b', 'c']).join(''))).toEqual(['abc', 'bca', 'cab', 'abc']);
    expect(turns.inTurn(1, [])).toEqual([]);
  });
});

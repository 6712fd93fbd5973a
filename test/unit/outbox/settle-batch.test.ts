import { describe, expect, it } from 'vitest';
import { holdMs, stepFor } from '../../../src/outbox/settle-batch.ts';

describe('what is done with an open batch', () => {
  it('sends one that Kafka does not hold, and only marks one that it holds', () => {
    expect(stepFor('b', undefined)).toBe('send');
    expect(stepFor('b', 'a')).toBe('send');
    expect(stepFor('b', 'b')).toBe('mark_published');
  });

  it('holds a refused row longer each time, five minutes at most', () => {
    expect([0, 1, 2, 20, 5_000].map(holdMs)).toEqual([1_000, 2_000, 4_000, 300_000, 300_000]);
  });
});

import { describe, expect, it } from 'vitest';
import { concurrently } from '../../../src/model/concurrently.ts';

describe('concurrently', () => {
  it('runs so many at a time, and answers in order', async () => {
    let [running, most] = [0, 0];
    const answers = await concurrently([5, 4, 3, 2, 1], 2, async (n) => {
      most = Math.max(most, ++running);
      for (let i = 0; i < n; i++) await Promise.resolve();
      running--;
      return n * 10;
    });
    expect(answers).toEqual([50, 40, 30, 20, 10]);
    expect(most).toBe(2);
  });

  it('rejects with the first failure, begins nothing after it, and leaves nothing running', async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const work = concurrently([1, 2, 3, 4], 2, async (n) => {
      begun.push(n);
      if (n === 1) throw new Error('first');
      for (let i = 0; i < 20; i++) await Promise.resolve();
      ended.push(n);
    });
    await expect(work).rejects.toThrow('first');
    expect(begun).toEqual([1, 2]);
    expect(ended).toEqual([2]);
  });
});

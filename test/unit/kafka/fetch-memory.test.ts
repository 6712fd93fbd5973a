import { describe, expect, it } from 'vitest';
import { FetchMemory } from '../../../src/kafka/fetch-memory.ts';

describe('FetchMemory', () => {
  it('hands out what was given back, whatever length it had, and nothing that was not', () => {
    const memory = new FetchMemory(64 << 20);
    const kept = memory.take(3 << 20);
    const first = memory.take(4 << 20);
    memory.give(first);
    const second = memory.take((3 << 20) + 1);
    expect(second.buffer).toBe(first.buffer);
    expect(second.length).toBe((3 << 20) + 1);
    expect(memory.take(3 << 20).buffer).not.toBe(kept.buffer);
    expect(memory.take(3 << 20).buffer).not.toBe(second.buffer);
  });

  it('answers exactly the bytes asked for', () => {
    const memory = new FetchMemory(64 << 20);
    for (const bytes of [1, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1]) expect(memory.take(bytes).length).toBe(bytes);
  });

  it('never takes pooled memory of Node, which others share', () => {
    const memory = new FetchMemory(64 << 20);
    const small = memory.take(100);
    memory.give(small);
    memory.give(Buffer.alloc(0));
    expect(memory.take(100_000).buffer).not.toBe(small.buffer);
  });

  it('keeps as much as it was told, and nothing when told nothing', () => {
    for (const [keep, kept] of [
      [64 << 20, 8],
      [16 << 20, 2],
      [0, 0],
    ] as const) {
      const memory = new FetchMemory(keep);
      const taken = Array.from({ length: 20 }, () => memory.take(8 << 20));
      for (const view of taken) memory.give(view);
      const again = Array.from({ length: 20 }, () => memory.take(8 << 20));
      expect(again.filter((view) => taken.some(({ buffer }) => buffer === view.buffer))).toHaveLength(kept);
    }
  });
});

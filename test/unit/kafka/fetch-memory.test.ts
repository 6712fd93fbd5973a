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

  it('never keeps memory of Node’s own pool, in which other parts of the process have theirs', () => {
    // Node 24 pools 65,536 bytes: a whole pool looks like a piece of the least size, and the first view in one lies at its start.
    for (const bytes of [100, 4_000, 20_000, 32_000]) {
      const memory = new FetchMemory(64 << 20);
      const small = Array.from({ length: 64 }, () => memory.take(bytes));
      for (const view of small) memory.give(view);
      memory.give(Buffer.alloc(0));
      const again = Array.from({ length: 64 }, () => memory.take(60_000));
      expect(again.filter((view) => small.some(({ buffer }) => buffer === view.buffer))).toEqual([]);
    }
  });

  it('leaves bytes of others alone that were allocated beside a small answer', () => {
    const memory = new FetchMemory(64 << 20);
    const answers = Array.from({ length: 16 }, () => memory.take(1_000));
    const others = Array.from({ length: 64 }, (_, i) => Buffer.from(`another part of the process ${i}`));
    for (const answer of answers) memory.give(answer);
    for (let n = 0; n < 16; n++) memory.take(60_000).fill(0xff);
    expect(others.map(String)).toEqual(others.map((_, i) => `another part of the process ${i}`));
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

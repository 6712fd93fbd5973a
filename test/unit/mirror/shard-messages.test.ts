import { describe, expect, it } from 'vitest';
import { assignedShards, divide, introduction } from '../../../src/mirror/shard-messages.ts';

const member = (memberId: string, shards: number, held: readonly number[] = []) => ({ memberId, metadata: introduction({ shards, held }) });
const told = (members: Parameters<typeof divide>[0], shards: number) =>
  Object.fromEntries([...divide(members, shards)].map(([id, bytes]) => [id, assignedShards(bytes)]));

describe('the division as members tell it each other', () => {
  it('gives each member what it holds, and the rest evenly', () => {
    expect(told([member('a', 4, [3]), member('b', 4)], 4)).toEqual({ a: [0, 3], b: [1, 2] });
  });

  it('C13: gives nothing to a member of another division, or that says something else', () => {
    const strange = { memberId: 'c', metadata: Buffer.from('\x00\x01consumer') };
    expect(told([member('a', 4), member('b', 6, [0, 1]), strange], 4)).toEqual({ a: [0, 1, 2, 3], b: [], c: [] });
  });

  it('is nothing where it cannot be read', () => {
    for (const text of ['', 'null', '{"shards":[1]}', '["1"]', '[1.5]']) expect(assignedShards(Buffer.from(text))).toEqual([]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignShards, type ShardMember } from '../../../src/mirror/shard-assignment.ts';

const asObject = (members: readonly ShardMember[], shards: number) => Object.fromEntries(assignShards(members, shards));
const shardsArb = fc.integer({ min: 1, max: 64 });
/** What members say they hold need not be true, complete or disjoint. */
const membersArb = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 9 })
  .chain((ids) => fc.tuple(...ids.map((id) => fc.record({ id: fc.constant(id), held: fc.array(fc.integer({ min: -1, max: 70 })) }))));

describe('who tries which shard', () => {
  it('C13: gives every shard to one member, evenly, whatever the members claim to hold', () => {
    fc.assert(
      fc.property(membersArb, shardsArb, (members, shards) => {
        const given = assignShards(members, shards);
        expect([...given.keys()].sort()).toEqual(members.map(({ id }) => id).sort());
        expect([...given.values()].flat().sort((a, b) => a - b)).toEqual(Array.from({ length: shards }, (_, shard) => shard));
        const sizes = [...given.values()].map((own) => own.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('does not depend on the order of the members', () => {
    fc.assert(
      fc.property(membersArb, shardsArb, (members, shards) => {
        expect(asObject([...members].reverse(), shards)).toEqual(asObject(members, shards));
      }),
    );
  });

  it('moves no more shards than evenness asks for when members come and go', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(7), fc.nat(4), shardsArb, (count, leaves, comes, shards) => {
        const before = assignShards(
          Array.from({ length: count }, (_, n) => ({ id: `m${n}`, held: [] })),
          shards,
        );
        const stay = [...before].filter((_, n) => count === 1 || n !== leaves % count).map(([id, held]) => ({ id, held }));
        const members = [...stay, ...Array.from({ length: comes }, (_, n) => ({ id: `a${n}`, held: [] }))];
        const after = assignShards(members, shards);
        const kept = stay.reduce((sum, { id, held }) => sum + held.filter((shard) => after.get(id)!.includes(shard)).length, 0);
        // The most that can stay: each keeps what it has up to its share, and the larger shares go to those that have most.
        const [least, larger] = [Math.floor(shards / members.length), shards % members.length];
        const sizes = stay.map(({ held }) => held.length).sort((a, b) => b - a);
        expect(kept).toBe(sizes.reduce((sum, size, n) => sum + Math.min(size, least + (n < larger ? 1 : 0)), 0));
      }),
    );
  });

  it('leaves an even division as it is', () => {
    expect(
      asObject(
        [
          { id: 'b', held: [1, 4] },
          { id: 'a', held: [0, 5] },
          { id: 'c', held: [2, 3] },
        ],
        6,
      ),
    ).toEqual({
      a: [0, 5],
      b: [1, 4],
      c: [2, 3],
    });
    expect(
      asObject(
        [
          { id: 'a', held: [3] },
          { id: 'b', held: [] },
        ],
        1,
      ),
    ).toEqual({ a: [0], b: [] });
  });
});

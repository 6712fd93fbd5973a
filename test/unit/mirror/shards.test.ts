import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settleShards } from '../../../src/daemon/shards.ts';
import { decideShards, divisionStands, type RecordedSharding, SHARD_FUNCTION, shardOf } from '../../../src/mirror/shards.ts';
import { FarshoreError } from '../../../src/model/errors.ts';

const never = new AbortController().signal;

describe('the shard of a partition', () => {
  it('C13: is fixed for ever', () => {
    // Computed apart, from the published constants of FNV-1a and of MurmurHash3's finalizer.
    expect(['billing.invoices', 'billing.plans', 'é'].map((topic) => [0, 1, 2, 3].map((n) => shardOf(topic, n, 8)))).toEqual([
      [4, 6, 4, 4],
      [3, 4, 5, 1],
      [7, 0, 1, 6],
    ]);
    expect(shardOf('billing.invoices', 7, 1)).toBe(0);
  });

  it('C13: is one of the shards, and all of them have some', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.integer({ min: 1, max: 64 }), (topic, partition, shards) => {
        const shard = shardOf(topic, partition, shards);
        expect(shard).toBeGreaterThanOrEqual(0);
        expect(shard).toBeLessThan(shards);
      }),
    );
    const used = new Set(Array.from({ length: 200 }, (_, partition) => shardOf('billing.invoices', partition, 8)));
    expect(used.size).toBe(8);
  });
});

describe('the division among shards', () => {
  it('C13: is recorded at first, kept while it is the same, and changed behind a fence of every old shard', () => {
    expect(decideShards(undefined, 1, 'us-east')).toEqual({ kind: 'change', fence: [] });
    expect(decideShards({ shards: 1, function: SHARD_FUNCTION }, 1, 'us-east')).toEqual({ kind: 'keep' });
    expect(decideShards({ shards: 4, function: SHARD_FUNCTION }, 1, 'us-east')).toEqual({ kind: 'change', fence: [0, 1, 2, 3] });
  });

  it('C13: is fenced again where a change was announced and not recorded, also when it is not wanted any more', () => {
    expect(decideShards({ shards: 2, function: SHARD_FUNCTION, next: 3 }, 2, 'us-east')).toEqual({ kind: 'change', fence: [0, 1] });
  });

  it('C13: lets nobody work on a shard of another one, or while it changes', () => {
    expect(divisionStands({ shards: 2, function: SHARD_FUNCTION }, 2)).toBeUndefined();
    expect(divisionStands(undefined, 2)).toContain('not recorded');
    expect(divisionStands({ shards: 2, function: SHARD_FUNCTION }, 3)).toContain('2 shards, and mirror.shards is 3');
    expect(divisionStands({ shards: 2, function: SHARD_FUNCTION, next: 3 }, 2)).toContain('changed to 3');
    expect(divisionStands({ shards: 2, function: 'murmur2' }, 2)).toContain('murmur2');
  });

  it('C13: of another function is not touched', () => {
    expect(() => decideShards({ shards: 1, function: 'murmur2' }, 1, 'us-east')).toThrow(
      expect.objectContaining({ code: 'shards_unknown', action: 'halt' }),
    );
  });

  it('C13: does not change before every old shard is fenced', async () => {
    let recorded: RecordedSharding | undefined = { shards: 2, function: SHARD_FUNCTION };
    const steps: unknown[] = [];
    let fails = true;
    const settle = () =>
      settleShards(
        {
          primary: 'us-east',
          shards: 1,
          ledger: {
            read: async () => recorded,
            announce: async (_, shards) => {
              steps.push(`to ${shards}`);
              recorded = { ...recorded!, next: shards };
            },
            record: async (_, sharding) => {
              steps.push(sharding.shards);
              recorded = sharding;
            },
          },
          fence: async (shards) => {
            steps.push(shards);
            if (fails) throw new FarshoreError('cluster_unreachable', 'away');
          },
          observe: () => undefined,
        },
        never,
      );
    await expect(settle()).rejects.toThrow('away');
    expect(recorded).toEqual({ shards: 2, function: SHARD_FUNCTION, next: 1 });
    fails = false;
    await settle();
    await settle();
    expect(steps).toEqual(['to 1', [0, 1], 'to 1', [0, 1], 1]);
  });
});

import { describe, expect, it } from 'vitest';
import type { MirrorDependencies } from '../../../src/mirror/dependencies.ts';
import { MirrorPartition } from '../../../src/mirror/partition.ts';
import { startPartitions, verifyPartitions } from '../../../src/mirror/partition-start.ts';
import { type ErrorCode, FarshoreError } from '../../../src/model/errors.ts';
import type { FetchTarget } from '../../../src/model/fetch.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';
import { TestClock } from '../lag/test-clock.ts';

const topic = 'orders';
const signal = new AbortController().signal;
const partitions = [0, 1, 2];
const failures: Readonly<Record<number, ErrorCode>> = { 0: 'broker_request_failed', 1: 'cluster_denied' };

const positionOf = (partition: number): MirrorPosition => ({
  ...{ topic, partition, topicId: 'A', next: homeOffset(5n), leaderEpoch: 1, crc: 7 },
  regionalEnd: regionalOffset(5n),
});

/** Of three partitions one has no leader, one may not be read, and one is as it was. */
function world() {
  const put: string[] = [];
  const asked: number[] = [];
  const silent = new Set<number>();
  const ends = async (places: readonly { readonly topic: string; readonly partition: number }[]) =>
    places.filter(({ partition }) => !silent.has(partition)).map((place) => ({ ...place, start: 0n, end: 6n }));
  const deps = {
    home: {
      ends,
      batchAt: async ({ partition }: FetchTarget) => {
        asked.push(partition);
        const code = failures[partition];
        if (code !== undefined) throw new FarshoreError(code, `partition ${partition} cannot be read`);
        return { baseOffset: 0n, lastOffset: 4n, leaderEpoch: 1, crc: 7 };
      },
    },
    regional: { ends, mirroredBehind: async () => new Map() },
    kept: { last: () => undefined, found: () => undefined },
    stops: { put: async ({ partition, code }: { partition: number; code: string }) => put.push(`${partition} ${code}`) },
    observe: () => undefined,
    clock: new TestClock(),
  } as unknown as MirrorDependencies;
  const all = partitions.map(
    (partition) =>
      new MirrorPartition({ home: topic, regional: topic }, partition, { homeTopicId: 'A', maxBatchBytes: 1, compacted: false }),
  );
  return { deps, all, put, asked, silent };
}

const modes = (all: readonly MirrorPartition[]): readonly string[] => all.map(({ mode }) => mode.mode);

const starts = { mirroredFrom: () => 0n, epoch: () => undefined, epochInRegion: () => undefined, settled: true };

describe('partitions that go on from where they were', () => {
  it('C11: are due to be committed again at once, unless this process committed that: restarts put it off for ever, and positions expired', async () => {
    const { deps, all } = world();
    const positions = new Map([[topic, partitions.map(positionOf)]]);
    const partition = all[2]!;
    const start = async (): Promise<number> => {
      partition.setMode({ mode: 'held', reason: 'positions are read again' });
      await startPartitions([partition], positions, starts, deps, { onTruncated: 'stop' }, signal);
      expect(partition.mode.mode).toBe('running');
      return partition.committedAtMs;
    };
    expect(await start()).toBe(Number.NEGATIVE_INFINITY);
    partition.committedAtMs = 7;
    expect(await start()).toBe(7);
    // Somebody else committed another one than this process knows of.
    partition.committed = { ...positionOf(2), next: homeOffset(4n) };
    expect(await start()).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe('partitions whose log cannot be proved', () => {
  it('do not keep the others from starting: one without a leader is held and asked again, one that may not be read stops', async () => {
    const { deps, all, put } = world();
    const positions = new Map([[topic, partitions.map(positionOf)]]);
    expect(await startPartitions(all, positions, starts, deps, { onTruncated: 'stop' }, signal)).toBe(true);
    expect(modes(all)).toEqual(['held', 'stopped', 'running']);
    expect(put).toEqual(['1 cluster_denied']);
  });

  it('are not asked for a batch where the broker did not even tell their ends', async () => {
    const { deps, all, asked, silent } = world();
    silent.add(0);
    const positions = new Map([[topic, partitions.map(positionOf)]]);
    expect(await startPartitions(all, positions, starts, deps, { onTruncated: 'stop' }, signal)).toBe(true);
    expect(asked).toEqual([1, 2]);
    expect(modes(all)).toEqual(['held', 'stopped', 'running']);
  });

  it('do not keep the others from going on after their leader changed', async () => {
    const { deps, all, put } = world();
    for (const partition of all) {
      partition.committed = positionOf(partition.partition);
      partition.read = partition.committed;
      partition.setMode({ mode: 'verify' });
    }
    expect(await verifyPartitions(all, deps, signal)).toBe(true);
    expect(modes(all)).toEqual(['held', 'stopped', 'running']);
    expect(put).toEqual(['1 cluster_denied']);
  });

  it('end the work all the same when the daemon stops', async () => {
    const { deps, all } = world();
    const over = new AbortController();
    over.abort();
    const positions = new Map([[topic, partitions.map(positionOf)]]);
    await expect(startPartitions(all, positions, starts, deps, { onTruncated: 'stop' }, over.signal)).rejects.toThrow();
  });
});

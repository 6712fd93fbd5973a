import { describe, expect, it } from 'vitest';
import { type CommandContext, runCommand } from '../../../src/mirror/commands.ts';
import type { PublishedHome } from '../../../src/mirror/contracts.ts';
import type { MirrorDependencies } from '../../../src/mirror/dependencies.ts';
import { MirrorPartition } from '../../../src/mirror/partition.ts';
import type { ResumeRequest } from '../../../src/mirror/resume.ts';
import { PartitionTable } from '../../../src/mirror/table.ts';
import { type ErrorCode, FarshoreError } from '../../../src/model/errors.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';
import { TestClock } from '../lag/test-clock.ts';

const at = { topic: 'orders', partition: 0 };

const pastLost = { from: undefined, acceptLoss: true, acceptRecreated: false, acceptRewind: false, by: 'ada' };

/** The positions that a resume commits, in a partition that stopped at 5 of 8 to 20 with this code. */
async function resumed(
  code: ErrorCode,
  request: ResumeRequest = pastLost,
  published: ReadonlyMap<string, PublishedHome> = new Map(),
  next = 5n,
  change: (partition: MirrorPartition) => void = () => undefined,
  keptNext?: bigint,
  regionalEnd = 9n,
): Promise<readonly MirrorPosition[]> {
  const partition = new MirrorPartition({ home: 'orders', regional: 'orders' }, 0, {
    homeTopicId: 'A',
    maxBatchBytes: 1,
    compacted: false,
  });
  partition.committed = { ...at, topicId: 'A', next: homeOffset(next), leaderEpoch: 1, crc: 7, regionalEnd: regionalOffset(9n) };
  partition.setMode({ mode: 'stopped', error: new FarshoreError(code, 'it stopped'), since: '' });
  change(partition);
  const table = new PartitionTable();
  table.add(partition);
  const positions: MirrorPosition[] = [];
  const nothing = async () => undefined;
  const deps = {
    home: { ends: async () => [{ ...at, start: 8n, end: 20n }] },
    regional: {
      ends: async () => [{ ...at, start: 0n, end: regionalEnd }],
      commit: async (moved: readonly MirrorPosition[]) => positions.push(...moved),
    },
    kept: {
      last: () =>
        keptNext === undefined
          ? undefined
          : { homeTopicId: 'A', next: homeOffset(keptNext), point: { home: homeOffset(4n), regional: regionalOffset(6n) } },
    },
    stops: { record: nothing, clear: nothing },
    publishedAtHome: { read: async () => published },
    observe: () => undefined,
    clock: new TestClock(),
  } as unknown as MirrorDependencies;
  const refresh = { raiseForRewind: nothing };
  const context = { deps, table, refresh, primary: 'us-east', shared: false } as unknown as CommandContext;
  await runCommand({ kind: 'resume', ...at, request }, context, new AbortController().signal);
  return positions;
}

describe('an operator’s resume past lost records', () => {
  it('C6: keeps where the region must end, so that records lost there are still noticed', async () => {
    expect(await resumed('source_truncated')).toMatchObject([{ next: 8n, crc: undefined, regionalEnd: 9n }]);
  });

  it('drops it where the partition stopped for just that', async () => {
    expect(await resumed('region_truncated')).toMatchObject([{ next: 8n, regionalEnd: undefined }]);
  });
});

describe('an operator’s resume while it is not known where the mirror stands', () => {
  const from9: ResumeRequest = { ...pastLost, from: 9n };

  const inDoubt = (partition: MirrorPartition): void => {
    partition.inDoubt = { position: partition.committed!, offsets: 3n };
  };
  const paused = (partition: MirrorPartition): void => {
    inDoubt(partition);
    partition.setMode({ mode: 'paused', by: 'ada', since: '' });
  };

  it('C9: is refused while the group answers an old position, or a transaction’s outcome is not known', async () => {
    const isAskedAgain = (partition: MirrorPartition): void => {
      partition.setMode({ mode: 'held', reason: 'an old position: asked again' });
      partition.oldSinceMs = 0;
    };
    await expect(resumed('source_truncated', from9, new Map(), 5n, isAskedAgain)).rejects.toMatchObject({
      code: 'request_invalid',
      message: 'Where the mirror stands is not known now: an old position: asked again',
    });
    await expect(resumed('source_truncated', from9, new Map(), 5n, paused)).rejects.toMatchObject({ code: 'request_invalid' });
  });

  it('is not refused once the partition stopped for that: a region that lost its last records could not be mirrored again', async () => {
    const earliest = { ...pastLost, from: 'earliest', acceptLoss: false, acceptRewind: true } as const;
    expect(await resumed('region_truncated', earliest, new Map(), 15n, inDoubt)).toMatchObject([{ next: 8n, regionalEnd: undefined }]);
  });

  it('C9: takes what is kept beside the group for where it stood, so that what is given up is named', async () => {
    const unknown = (partition: MirrorPartition): void => {
      partition.committed = undefined;
    };
    const back = { ...from9, acceptLoss: false, acceptRewind: true };
    // Kept at 12: going on from 9 is a rewind, which nobody accepted.
    await expect(resumed('position_missing', from9, new Map(), 5n, unknown, 12n)).rejects.toMatchObject({ code: 'request_invalid' });
    expect(await resumed('position_missing', back, new Map(), 5n, unknown, 12n)).toMatchObject([{ next: 9n, regionalEnd: undefined }]);
  });

  it('C6: does not go ahead where the region lost records of which nothing but what is kept tells', async () => {
    const unknown = (partition: MirrorPartition): void => {
      partition.committed = undefined;
      partition.setMode({ mode: 'paused', by: 'ada', since: '' });
    };
    const ahead = { ...from9, from: 15n };
    await expect(resumed('position_missing', ahead, new Map(), 5n, unknown, 12n, 5n)).rejects.toMatchObject({
      code: 'request_invalid',
      message: 'The end of the regional log is 5, and records up to 6 were mirrored into it',
      hint: expect.stringMatching(/farshore partition resume orders:0 --stage mirror$/),
    });
    expect(await resumed('position_missing', ahead, new Map(), 5n, unknown, 12n, 6n)).toMatchObject([{ next: 15n }]);
  });
});

describe('an operator’s rewind', () => {
  const rewind = { ...pastLost, from: 'earliest', acceptLoss: false, acceptRewind: true } as const;
  const home = (name: string, topicId?: string) =>
    new Map([['orders', { home: name, epoch: 3, fromOffsets: new Map([[0, 12n]]), topicId }]]);

  it('C3: does not bring records of an older home again, which would come as of the present one', async () => {
    await expect(resumed('region_diverged', rewind, home('us-east'), 15n)).rejects.toThrow('Records before 12 are of older homes');
    expect(await resumed('region_diverged', { ...rewind, from: 12n }, home('us-east'), 15n)).toMatchObject([{ next: 12n }]);
  });

  it('C3, C6: is held to the offsets of this log, and not to those of one before it was created again', async () => {
    await expect(resumed('region_diverged', rewind, home('us-east', 'A'), 15n)).rejects.toThrow('Records before 12 are of older homes');
    expect(await resumed('region_diverged', rewind, home('us-east', 'B'), 15n)).toMatchObject([{ next: 8n }]);
  });

  it('is not held to offsets of another home’s log', async () => {
    expect(await resumed('region_diverged', rewind, home('eu-west'), 15n)).toMatchObject([{ next: 8n }]);
    expect(await resumed('region_diverged', rewind, new Map(), 15n)).toMatchObject([{ next: 8n }]);
  });
});

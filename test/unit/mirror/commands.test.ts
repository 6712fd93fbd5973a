import { describe, expect, it } from 'vitest';
import { type CommandContext, runCommand } from '../../../src/mirror/commands.ts';
import type { MirrorDependencies } from '../../../src/mirror/dependencies.ts';
import { MirrorPartition } from '../../../src/mirror/partition.ts';
import { PartitionTable } from '../../../src/mirror/table.ts';
import { type ErrorCode, FarshoreError } from '../../../src/model/errors.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';
import { TestClock } from '../lag/test-clock.ts';

const at = { topic: 'orders', partition: 0 };

/** The position that a resume past records lost at home commits, in a partition that stopped with this code. */
async function resumedPast(code: ErrorCode): Promise<MirrorPosition> {
  const partition = new MirrorPartition({ home: 'orders', regional: 'orders' }, 0, {
    homeTopicId: 'A',
    maxBatchBytes: 1,
    compacted: false,
  });
  partition.committed = { ...at, topicId: 'A', next: homeOffset(5n), leaderEpoch: 1, crc: 7, regionalEnd: regionalOffset(9n) };
  partition.setMode({ mode: 'stopped', error: new FarshoreError(code, 'it stopped'), since: '' });
  const table = new PartitionTable();
  table.add(partition);
  const positions: MirrorPosition[] = [];
  const nothing = async () => undefined;
  const deps = {
    home: { ends: async () => [{ ...at, start: 8n, end: 20n }] },
    regional: { commit: async (transaction: { positions: readonly MirrorPosition[] }) => positions.push(...transaction.positions) },
    stops: { record: nothing, clear: nothing },
    observe: () => undefined,
    clock: new TestClock(),
  } as unknown as MirrorDependencies;
  const request = { from: undefined, acceptLoss: true, acceptRecreated: false, acceptRewind: false, by: 'ada' };
  const context = { deps, table, refresh: undefined } as unknown as CommandContext;
  await runCommand({ kind: 'resume', ...at, request }, context, new AbortController().signal);
  return positions[0]!;
}

describe('an operator’s resume past lost records', () => {
  it('C6: keeps where the region must end, so that records lost there are still noticed', async () => {
    expect(await resumedPast('source_truncated')).toMatchObject({ next: 8n, crc: undefined, regionalEnd: 9n });
  });

  it('drops it where the partition stopped for just that', async () => {
    expect(await resumedPast('region_truncated')).toMatchObject({ next: 8n, regionalEnd: undefined });
  });
});

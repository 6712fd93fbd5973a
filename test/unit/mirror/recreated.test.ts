import { describe, expect, it } from 'vitest';
import type { OperatorAction } from '../../../src/mirror/contracts.ts';
import { MirrorPartition, type PartitionMode } from '../../../src/mirror/partition.ts';
import { holdPartitions, recordRestart, unmirrored } from '../../../src/mirror/recreated.ts';
import { type ErrorCode, FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { homeOffset } from '../../../src/model/offsets.ts';

const never = new AbortController().signal;
const stopped = (code: ErrorCode): PartitionMode => ({ mode: 'stopped', error: new FarshoreError(code, 'why'), since: '' });

function partition(number: number, mode: PartitionMode, end = 12n): MirrorPartition {
  const route = { home: 'billing.plans', regional: 'copy.billing.plans' };
  const made = new MirrorPartition(route, number, { homeTopicId: 'old', maxBatchBytes: 1, compacted: false });
  const position = { topic: route.regional, partition: number, topicId: 'old', leaderEpoch: 0, crc: 1, regionalEnd: undefined };
  made.committed = { ...position, next: homeOffset(9n) };
  made.end = homeOffset(end);
  made.setMode(mode);
  return made;
}

describe('a topic that was created again', () => {
  it('C1: is read by nobody before the start of its new log was judged', () => {
    const all = [partition(0, { mode: 'running' }), partition(1, { mode: 'verify' }), partition(2, stopped('batch_corrupt'))];
    holdPartitions(all);
    expect(all.map(({ mode }) => mode.mode)).toEqual(['held', 'held', 'stopped']);
  });

  it.each([
    ['as it is', false],
    ['while its stops are being tried again', true],
  ])(
    'C1: is restarted by policy with what is lost told and recorded, but for partitions that stopped for another reason: %s',
    async (_when, tried) => {
      const all = [
        partition(0, { mode: 'held', reason: '' }),
        partition(1, stopped('topic_missing'), 9n),
        partition(2, stopped('batch_corrupt')),
        partition(3, { mode: 'paused', by: 'ada', since: '' }),
      ];
      if (tried) for (const one of all) one.tryAgain();
      const [recorded, cleared, events]: [OperatorAction[], number[], FarshoreEvent[]] = [[], [], []];
      const stops = {
        load: async () => [],
        put: async () => undefined,
        clear: async (_stage: string, _topic: string, number: number) => void cleared.push(number),
        record: async (action: OperatorAction) => void recorded.push(action),
      };
      await recordRestart(all, { stops, observe: (event) => events.push(event) }, never);
      expect(recorded.map(({ partition: number, lostFrom, lostTo, by }) => [number, lostFrom, lostTo, by])).toEqual([
        [0, 9n, 12n, 'mirror.onRecreated'],
        [1, undefined, undefined, 'mirror.onRecreated'],
      ]);
      expect(cleared).toEqual([1]);
      expect(all.map(({ mode }) => mode.mode)).toEqual(['held', 'held', 'stopped', 'paused']);
      // Nothing is left that would tell of a mended stop later.
      expect(all[1]?.status()).toMatchObject({ state: 'waiting', code: null });
      expect(events.map(({ type }) => type)).toEqual(['partition_stopped', 'partition_resumed', 'partition_stopped', 'partition_resumed']);
    },
  );

  it('has lost at least what its old log was seen to hold beyond the position', () => {
    expect(unmirrored(partition(0, { mode: 'running' }))).toEqual({ from: 9n, to: 12n });
    expect(unmirrored(partition(0, { mode: 'running' }, 9n))).toBeUndefined();
  });
});

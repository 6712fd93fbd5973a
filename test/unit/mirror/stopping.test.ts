import { describe, expect, it } from 'vitest';
import { type CommandContext, runCommand } from '../../../src/mirror/commands.ts';
import { MirrorPartition } from '../../../src/mirror/partition.ts';
import { tellStopped } from '../../../src/mirror/stopping.ts';
import { PartitionTable } from '../../../src/mirror/table.ts';
import { type ErrorCode, FarshoreError } from '../../../src/model/errors.ts';
import { TestClock } from '../lag/test-clock.ts';

const partition = () =>
  new MirrorPartition({ home: 'orders', regional: 'orders' }, 0, { homeTopicId: 'A', maxBatchBytes: 1, compacted: false });
const stopped = (code: ErrorCode) => ({ mode: 'stopped', error: new FarshoreError(code, code), since: '' }) as const;
const deps = { observe: () => undefined, clock: new TestClock() };
const stopAfter = (first: ErrorCode, then: ErrorCode): string | undefined => {
  const one = partition();
  one.setMode(stopped(first));
  tellStopped(one, new FarshoreError(then, then), undefined, deps);
  return one.mode.mode === 'stopped' ? one.mode.error.code : undefined;
};

describe('a stop that only an operator ends', () => {
  it.each(['source_diverged', 'region_truncated'] as const)(
    '%s is not covered by one that ends by itself: the partition would go on with what was lost untold',
    (code) => {
      expect(stopAfter(code, 'topic_missing')).toBe(code);
      expect(stopAfter(code, 'cluster_denied')).toBe(code);
      expect(stopAfter(code, 'source_truncated')).toBe(code);
      expect(stopAfter(code, 'source_recreated')).toBe('source_recreated');
    },
  );

  it('is not hidden by a pause, after which a resume would check as if nothing had been found', async () => {
    const [cut, running] = [
      partition(),
      new MirrorPartition({ home: 'orders', regional: 'orders' }, 1, { homeTopicId: 'A', maxBatchBytes: 1, compacted: false }),
    ];
    cut.setMode(stopped('region_truncated'));
    running.setMode({ mode: 'running' });
    const table = new PartitionTable();
    for (const one of [cut, running]) table.add(one);
    const nothing = async () => undefined;
    const context = { deps: { ...deps, stops: { record: nothing, put: nothing } }, table } as unknown as CommandContext;
    const signal = new AbortController().signal;
    const pause = (named: number | undefined) =>
      runCommand({ kind: 'pause', topic: 'orders', partition: named, by: 'ada' }, context, signal);
    await expect(pause(0)).rejects.toMatchObject({ code: 'request_invalid', message: expect.stringContaining('region_truncated') });
    await pause(undefined);
    expect([cut.mode.mode, running.mode.mode]).toEqual(['stopped', 'paused']);
  });

  it('is in force before its partition is known: checked first, one that was found cut might pass', () => {
    const table = new PartitionTable();
    table.stopAsRecorded([{ topic: 'orders', partition: 0, mode: stopped('region_truncated') }]);
    const [one, again] = [partition(), partition()];
    table.add(one);
    expect(one.mode).toMatchObject({ mode: 'stopped', error: { code: 'region_truncated' } });
    table.remove('orders');
    table.add(again);
    expect(again.mode.mode).toBe('held');
  });
});

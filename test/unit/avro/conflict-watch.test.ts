import { describe, expect, it, vi } from 'vitest';
import { ConflictWatch } from '../../../src/avro/conflict-watch.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { never, RegistryDouble, StillClock } from './registry-double.ts';

function setUp() {
  const keeper = new RegistryDouble();
  const refused: string[] = [];
  const clock = new StillClock();
  const watch = new ConflictWatch({ registry: keeper.name, keeper, refuse: (ref) => refused.push(ref) });
  return { keeper, refused, clock, watch };
}

describe('the watch for conflicts of schemas', () => {
  it('C22: refuses at each look what anybody found to stand for two texts', async () => {
    const { keeper, refused, clock, watch } = setUp();
    const stop = new AbortController();
    const run = watch.run(30_000, clock, stop.signal);
    await vi.waitUntil(() => clock.sleeps === 1);
    expect(refused).toEqual([]);
    keeper.marked.add('7');
    clock.wake();
    await vi.waitUntil(() => clock.sleeps === 2);
    expect(refused).toEqual(['7']);
    stop.abort();
    await run;
  });

  it('goes on when the database was away, and ends with an error that nobody named', async () => {
    const { keeper, refused, clock, watch } = setUp();
    keeper.marked.add('7');
    const { conflicts } = keeper;
    keeper.conflicts = async () => {
      throw new FarshoreError('database_unreachable', 'away');
    };
    const run = watch.run(30_000, clock, never);
    await vi.waitUntil(() => clock.sleeps === 1);
    keeper.conflicts = conflicts;
    clock.wake();
    await vi.waitUntil(() => clock.sleeps === 2);
    expect(refused).toEqual(['7']);
    keeper.conflicts = async () => {
      throw new TypeError('a mistake');
    };
    clock.wake();
    await expect(run).rejects.toThrow('a mistake');
  });
});

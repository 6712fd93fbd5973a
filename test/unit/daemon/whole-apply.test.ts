import { describe, expect, it } from 'vitest';
import type { ApplyDependencies } from '../../../src/apply/dependencies.ts';
import { readGates } from '../../../src/cutover/gates.ts';
import { type MeasuredSources, measure } from '../../../src/daemon/build-cutover.ts';
import { wholeApply } from '../../../src/daemon/whole-apply.ts';
import { LagLoop } from '../../../src/lag/lag-loop.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import { eventually, generationsOf, order, rigOf } from '../apply/stage-doubles.ts';
import { good, limits } from '../cutover/fixtures.ts';
import { TestClock } from '../lag/test-clock.ts';

const running = { state: 'running', next: '0', end: '0', code: null, message: null, hint: null, since: null } as const;
const mirrored = ['things', 'only-mirrored'].map((topic) => ({ topic, homeTopic: topic, partition: 0, status: running }));
const never = new AbortController().signal;

/** A region whose two topics are mirrored to their ends, and whose database does not give apply its positions. */
function region(failing: { describe?: FarshoreError; take?: FarshoreError }) {
  const positions: ApplyDependencies['positions'] = {
    take: async (wanted) => {
      if (failing.take !== undefined) throw failing.take;
      return wanted.map((place) => ({ ...place, next: regionalOffset(0n), leaderEpoch: -1, crc: undefined }));
    },
    read: async () => undefined,
    ofTopics: async () => [],
  };
  const rig = rigOf({}, { positions });
  rig.orders.set('things', order('things', generationsOf([[0, 0n]])));
  rig.source.log('things', 0);
  const describe = rig.source.describe.bind(rig.source);
  rig.source.describe = async (topics) => {
    if (failing.describe !== undefined) throw failing.describe;
    return await describe(topics);
  };
  const apply = wholeApply(rig.stage, () => mirrored, new Set(['things']));
  const clock = new TestClock();
  const ends = async (partitions: readonly { topic: string; partition: number }[]) =>
    partitions.map((place) => ({ ...place, start: 0n, end: 0n, highWatermark: 0n }));
  const lag = new LagLoop(
    {
      home: { ends },
      regional: { ends },
      mirrorCommitted: () => mirrored.map((place) => ({ ...place, next: homeOffset(0n) })),
      applied: () => apply.progress(),
    },
    { intervalMs: 1_000, readLimitMs: 500 },
    clock,
    { onRead: () => undefined },
  );
  const sources = {
    mirror: { status: () => mirrored },
    apply,
    appliedTopics: new Set(['things']),
    lag,
    keptCounts: {},
    neededAudits: () => undefined,
  };
  const gates = () => {
    const measured = measure(sources as unknown as MeasuredSources, clock);
    const read = readGates({ ...good(), partitions: measured.partitions, lag: measured.lag }, limits, clock.monotonicMs());
    return read.flatMap(({ gate, open }) => (gate === 'lag' || gate === 'partitions_running' ? [`${gate} ${open ? 'open' : 'shut'}`] : []));
  };
  const measureLag = async () => {
    await lag.measureHome(never);
    await lag.measureRegional(never);
    return Object.fromEntries(lag.snapshot().partitions.map(({ topic, lag: { apply: ofApply, total } }) => [topic, { ofApply, total }]));
  };
  return { rig, apply, gates, measureLag };
}

describe('C21: a partition that apply cannot take', () => {
  it('has a lag that is not known, waits with the reason, and shuts the gates; one that is only mirrored has none', async () => {
    const failing: Parameters<typeof region>[0] = { take: new FarshoreError('database_denied', 'no right on apply_positions') };
    const { rig, apply, gates, measureLag } = region(failing);
    void rig.start();
    const unknown = { known: false, seconds: null, records: null };
    await eventually(() => expect(rig.events).toContainEqual(expect.objectContaining({ type: 'apply_retried', code: 'database_denied' })));
    expect(await measureLag()).toEqual({
      things: { ofApply: expect.objectContaining({ known: false }), total: expect.objectContaining(unknown) },
      'only-mirrored': { ofApply: null, total: null },
    });
    expect([...apply.statuses()]).toMatchObject([
      { topic: 'things', partition: 0, status: { state: 'waiting', message: 'apply could not take it: no right on apply_positions' } },
    ]);
    expect(gates()).toEqual(['partitions_running shut', 'lag shut']);
    delete failing.take;
    await eventually(() => expect([...apply.statuses()]).toMatchObject([{ topic: 'things', partition: 0, status: { state: 'running' } }]));
    await measureLag();
    expect((await measureLag()).things).toMatchObject({ ofApply: { known: true }, total: { known: true } });
    expect(gates()).toEqual(['partitions_running open', 'lag open']);
  });

  it('is stopped with its code where its topic may not be described', async () => {
    const denied = new FarshoreError('cluster_denied', 'topic things may not be seen', { hint: 'Allow Describe on topic things.' });
    const { rig, apply, gates } = region({ describe: denied });
    void rig.start();
    await eventually(() =>
      expect([...apply.statuses()]).toMatchObject([
        { topic: 'things', status: { state: 'stopped', code: 'cluster_denied', hint: 'Allow Describe on topic things.' } },
      ]),
    );
    expect([...apply.tables()]).toMatchObject([{ table: 'public.things', state: 'stopped', reason: 'topic things may not be seen' }]);
    expect(gates()).toContain('partitions_running shut');
  });
});

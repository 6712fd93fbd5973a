import { beforeEach, describe, expect, it } from 'vitest';
import type { MirrorWrite, RegionalLog } from '../../../src/mirror/contracts.ts';
import { type KeptOffsets, OffsetKeeper } from '../../../src/mirror/offset-keeper.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';

const never = new AbortController().signal;
const HOME_ID = '5b1ff5a8-9d1e-4c4f-8f0c-000000000001';
const topic = 'billing.invoices';

const position = (next: bigint, changes: Partial<MirrorPosition> = {}): MirrorPosition => ({
  topic,
  partition: 0,
  topicId: HOME_ID,
  next: homeOffset(next),
  leaderEpoch: -1,
  crc: undefined,
  regionalEnd: undefined,
  ...changes,
});

function batch(base: bigint, count: number) {
  const bytes = Buffer.alloc(61);
  bytes.writeInt32BE(count - 1, 23);
  return { bytes, baseOffset: base, lastOffset: base + BigInt(count - 1), recordCount: count, magic: 2 };
}

const points = (...pairs: readonly (readonly [bigint, bigint])[]) =>
  pairs.map(([home, regional]) => ({ home: homeOffset(home), regional: regionalOffset(regional) }));

/** A region and a database as values; `steps` is the order in which they were changed. */
function world() {
  const steps: string[] = [];
  const state = {
    steps,
    regionalTopicId: '5b1ff5a8-9d1e-4c4f-8f0c-00000000000a',
    stored: new Map<string, KeptOffsets>(),
    committed: position(0n),
    end: 0n,
    written: undefined as bigint | undefined,
    commitFails: undefined as FarshoreError | undefined,
    saveFails: undefined as FarshoreError | undefined,
  };
  const log = {
    listTopics: async () => [{ topic, topicId: state.regionalTopicId, partitions: [] }],
    positions: async () => new Map([[topic, [state.committed]]]),
    ends: async () => [{ topic, partition: 0, start: 0n, end: state.end }],
    produce: async (writes: readonly MirrorWrite[]) =>
      writes.map(({ batches }) => {
        const first = state.end;
        for (const { recordCount } of batches) state.end += BigInt(recordCount);
        state.written = state.end;
        return { topic, partition: 0, firstOffset: regionalOffset(first), end: regionalOffset(state.end) };
      }),
    commit: async (positions: readonly MirrorPosition[]) => {
      if (state.commitFails !== undefined) throw state.commitFails;
      steps.push('committed');
      state.committed = { ...positions[0]!, regionalEnd: regionalOffset(state.written ?? state.end) };
      // The marker of the transaction.
      state.end++;
      state.written = undefined;
    },
    open: async () => {
      state.end++;
    },
  } as unknown as RegionalLog;
  const store = {
    load: async () => [...state.stored.values()],
    save: async (offsets: readonly KeptOffsets[]) => {
      if (state.saveFails !== undefined) throw state.saveFails;
      for (const kept of offsets) {
        steps.push(`saved ${kept.points.length}`);
        state.stored.set(`${kept.topic}:${kept.partition}`, kept);
      }
    },
  };
  const clock = { wallMs: () => 0, monotonicMs: () => 0, sleep: async () => undefined };
  const start = async () => {
    const keeper = new OffsetKeeper(store, clock);
    const watched = keeper.watch(log);
    await watched.listTopics(never);
    await watched.positions([topic], never);
    keeper.found(state.committed);
    return { keeper, watched, mirror: (from: bigint, count: number) => mirror(watched, from, count) };
  };
  const mirror = async (watched: RegionalLog, from: bigint, count: number) => {
    await watched.produce([{ topic, partition: 0, batches: [batch(from, count)] }], never);
    await watched.commit([position(from + BigInt(count))], never);
  };
  return { state, start };
}

describe('the keeper of offsets', () => {
  let { state, start } = world();
  beforeEach(() => {
    ({ state, start } = world());
  });

  it('C9: learns nothing from a transaction whose outcome is unknown', async () => {
    const { keeper, mirror } = await start();
    await mirror(0n, 5);
    state.commitFails = new FarshoreError('transaction_unknown', 'gone');
    await expect(mirror(5n, 5)).rejects.toThrow('gone');
    expect(keeper.of(topic, 0)?.points).toEqual(points([0n, 0n], [5n, 5n]));
  });

  it('C9: learns nothing of what was produced in a transaction that was given up', async () => {
    const { keeper, watched, mirror } = await start();
    await watched.produce([{ topic, partition: 0, batches: [batch(0n, 5)] }], never);
    await watched.open(never);
    await mirror(0n, 2);
    expect(keeper.of(topic, 0)?.points).toEqual(points([0n, 6n], [2n, 8n]));
  });

  it('C5: has a point behind each batch of a transaction of several cycles, whose memory is used again before it ends', async () => {
    const { keeper, watched } = await start();
    const [first, second] = [batch(0n, 5), batch(5n, 3)];
    await watched.produce([{ topic, partition: 0, batches: [first, second] }], never);
    for (const { bytes } of [first, second]) bytes.fill(0xff);
    await watched.produce([{ topic, partition: 0, batches: [batch(8n, 2)] }], never);
    expect(keeper.of(topic, 0)?.points ?? []).toEqual([]);
    await watched.commit([position(10n)], never);
    expect(keeper.of(topic, 0)?.points).toEqual(points([0n, 0n], [5n, 5n], [8n, 8n], [10n, 10n]));
  });

  it('C5: goes on after a restart with what was published and what the region holds', async () => {
    const first = await start();
    await first.mirror(0n, 5);
    await first.keeper.publish(never);
    await first.mirror(5n, 3);
    const second = await start();
    expect(second.keeper.of(topic, 0)?.points).toEqual(points([0n, 0n], [5n, 5n], [8n, 9n]));
    await second.mirror(8n, 1);
    expect(second.keeper.of(topic, 0)?.points.at(-1)).toEqual(points([9n, 11n])[0]);
  });

  it('C5: takes points back in the database before the rewind that makes them untrue', async () => {
    const { keeper, watched, mirror } = await start();
    await mirror(0n, 5);
    await keeper.publish(never);
    state.steps.splice(0);
    await watched.commit([position(2n)], never);
    expect(state.steps).toEqual(['saved 0', 'committed', 'saved 1']);
    await mirror(2n, 3);
    expect(keeper.of(topic, 0)?.points).toEqual(points([2n, 7n], [5n, 10n]));
  });

  it('C5: a rewind does not happen while they cannot be taken back', async () => {
    const { keeper, watched, mirror } = await start();
    await mirror(0n, 5);
    await keeper.publish(never);
    state.saveFails = new FarshoreError('database_unreachable', 'away');
    state.steps.splice(0);
    await expect(watched.commit([position(2n)], never)).rejects.toThrow('away');
    expect(state.steps).toEqual([]);
  });

  it('C5: positions that stand or go forward take nothing back', async () => {
    const { keeper, watched, mirror } = await start();
    await mirror(0n, 5);
    const regionalEnd = regionalOffset(5n);
    await watched.commit([position(5n, { regionalEnd })], never);
    await watched.commit([position(9n, { regionalEnd })], never);
    expect(keeper.of(topic, 0)?.points).toEqual(points([0n, 0n], [5n, 5n]));
    expect(state.steps).not.toContain('saved 0');
  });

  it('C5: another regional topic of the name starts without points, also after a restart', async () => {
    const { keeper, watched, mirror } = await start();
    await mirror(0n, 5);
    await keeper.publish(never);
    state.regionalTopicId = '5b1ff5a8-9d1e-4c4f-8f0c-00000000000b';
    await watched.listTopics(never);
    expect(keeper.of(topic, 0)).toBeUndefined();
    state.committed = position(0n);
    const { keeper: restarted } = await start();
    expect(restarted.of(topic, 0)?.points).toEqual([]);
  });

  it('C9: tells how far a partition came: from its begin on, after a restart too, and anew after a rewind', async () => {
    const first = await start();
    expect(first.keeper.last(topic, 0)).toBeUndefined();
    await first.watched.commit([position(0n)], never);
    const begun = { homeTopicId: HOME_ID, point: points([0n, 0n])[0], next: homeOffset(0n) };
    expect((await start()).keeper.last(topic, 0)).toEqual(begun);
    await first.mirror(0n, 5);
    await first.keeper.publish(never);
    const { keeper, watched } = await start();
    expect(keeper.last(topic, 0)).toEqual({ ...begun, point: points([5n, 6n])[0], next: homeOffset(5n) });
    // Moved on without a record: what was written last stays the proof.
    await watched.commit([position(7n, { regionalEnd: regionalOffset(6n) })], never);
    expect(keeper.last(topic, 0)).toEqual({ ...begun, point: points([5n, 6n])[0], next: homeOffset(7n) });
    await watched.commit([position(2n)], never);
    expect((await start()).keeper.last(topic, 0)).toEqual({ ...begun, point: points([2n, 8n])[0], next: homeOffset(2n) });
  });

  it('C9: reading positions changes nothing that is kept: they may be old', async () => {
    const { keeper, mirror, watched } = await start();
    await mirror(0n, 5);
    const known = keeper.last(topic, 0);
    state.committed = position(0n);
    await watched.positions([topic], never);
    expect(keeper.last(topic, 0)).toEqual(known);
  });

  it('publishes what changed, and again what could not be saved', async () => {
    const { keeper, mirror } = await start();
    await mirror(0n, 5);
    state.saveFails = new FarshoreError('database_unreachable', 'away');
    await expect(keeper.publish(never)).rejects.toThrow('away');
    state.saveFails = undefined;
    await keeper.publish(never);
    await keeper.publish(never);
    expect(state.steps).toEqual(['committed', 'saved 2']);
  });
});

import { describe, expect, it } from 'vitest';
import { Answers } from '../../../src/mirror/answers.ts';
import type { PartitionStop } from '../../../src/mirror/contracts.ts';
import { CycleSize } from '../../../src/mirror/cycle-bytes.ts';
import type { MirrorDependencies, MirrorSettings } from '../../../src/mirror/dependencies.ts';
import { MirrorPartition } from '../../../src/mirror/partition.ts';
import { PartitionTable } from '../../../src/mirror/table.ts';
import { Transaction } from '../../../src/mirror/transaction.ts';
import { UnrecordedStops } from '../../../src/mirror/unrecorded-stops.ts';
import type { RawBatch } from '../../../src/model/batch.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FetchedPartition } from '../../../src/model/fetch.ts';
import { homeOffset, offsetValue, type RegionalOffset, regionalOffset } from '../../../src/model/offsets.ts';
import { TestClock } from '../lag/test-clock.ts';

const never = new AbortController().signal;
const at = { topic: 'orders', partition: 0 };
const MOST = 1 << 20;

function batch(base: bigint, count: number, records = count): RawBatch {
  const bytes = Buffer.alloc(100);
  bytes.writeInt32BE(count - 1, 23);
  bytes.writeInt32BE(records, 57);
  return { bytes, baseOffset: base, lastOffset: base + BigInt(count - 1), recordCount: count, magic: 2 };
}

/** Of a log that ends at 100. */
const answer = (batches: readonly RawBatch[], next: bigint): Extract<FetchedPartition, { kind: 'batches' }> => ({
  ...{ ...at, kind: 'batches', batches, nextOffset: next, empty: batches.length === 0, highWatermark: 100n, lastStableOffset: 100n },
  ...{ logStartOffset: 0n, lastBatch: { leaderEpoch: 1, crc: 7 }, droppedAborted: 0, droppedControl: 0 },
});

/** One partition that is read from 0, between two clusters as values. `steps` is the order of what was done. */
function world() {
  const partition = new MirrorPartition({ home: 'orders', regional: 'orders' }, 0, {
    homeTopicId: 'A',
    maxBatchBytes: MOST,
    compacted: false,
  });
  const position = { ...at, topicId: 'A', next: homeOffset(0n), leaderEpoch: -1, crc: undefined, regionalEnd: undefined };
  partition.committed = position;
  partition.read = position;
  partition.setMode({ mode: 'running' });
  const table = new PartitionTable();
  table.add(partition);
  const steps: string[] = [];
  let end = 0n;
  let kept: RegionalOffset | undefined;
  const deps = {
    regional: {
      produce: async (writes: readonly { readonly batches: readonly RawBatch[] }[]) => {
        steps.push('produced');
        const first = end;
        for (const { batches } of writes) for (const { recordCount } of batches) end += BigInt(recordCount);
        return [{ ...at, firstOffset: regionalOffset(first), end: regionalOffset(end) }];
      },
      commit: async () => {
        steps.push('committed');
        // Its marker.
        end++;
      },
    },
    kept: {
      last: () =>
        kept === undefined ? undefined : { homeTopicId: 'A', point: { home: homeOffset(0n), regional: kept }, next: homeOffset(0n) },
    },
    stops: {
      put: async ({ code }: PartitionStop) => void steps.push(`recorded ${code}`),
      record: async () => void steps.push('resumed'),
      clear: async () => undefined,
    },
    reencode: (refused: RawBatch, reason: string) => {
      if (reason === 'refused') return [refused];
      throw new FarshoreError('batch_corrupt', 'no form of it');
    },
    visitRecords: () => undefined,
    observe: () => undefined,
    clock: new TestClock(),
    cycleSize: new CycleSize(),
  } as unknown as MirrorDependencies;
  const settings = {
    ...{
      maxCycleBytes: MOST,
      maxPartitionFetchBytes: MOST,
      transactionTimeoutMs: 60_000,
      takesInMs: 250,
      takesInBytes: 0,
      recommitMs: 60_000,
    },
  } as unknown as MirrorSettings;
  const unrecorded = new UnrecordedStops(({ type }) => void steps.push(type));
  const transaction = new Transaction(deps, settings, table, unrecorded);
  const answers = new Answers(deps, settings, table, unrecorded, () => undefined);
  const cycle = async (...batches: readonly RawBatch[]) => {
    const plan = await answers.plan([answer(batches, (batches.at(-1)?.lastOffset ?? -1n) + 1n)], transaction, never);
    for (const moved of plan.positions) partition.read = moved;
    await transaction.write(plan, never);
  };
  const cutRegion = (to: bigint): void => {
    end = to;
  };
  const keep = (to: bigint): void => {
    kept = regionalOffset(to);
  };
  return { deps, table, partition, steps, transaction, answers, unrecorded, cycle, cutRegion, keep };
}

describe('a transaction over several cycles', () => {
  it('makes nothing durable before its end, and then what was read last', async () => {
    const { partition, transaction, cycle, steps } = world();
    await cycle(batch(0n, 5));
    await cycle(batch(5n, 5));
    expect(offsetValue(partition.committed!.next)).toBe(0n);
    await transaction.commit(never);
    expect(steps).toEqual(['produced', 'produced', 'committed']);
    expect(partition.committed).toMatchObject({ next: 10n, regionalEnd: 10n });
  });

  it('forgets that a batch was refused only once it is passed, and takes in no other cycle until then', async () => {
    const { partition, transaction, answers, cycle } = world();
    const facts = { ...at, offset: '5', bytes: 100, kafkaCode: 87 };
    await answers.refused(new FarshoreError('batch_refused', 'INVALID_RECORD', { facts }), never);
    await cycle(batch(0n, 5));
    expect(transaction.takesIn([answer([batch(5n, 1)], 6n)])).toBe(false);
    await transaction.commit(never);
    expect([partition.refused, partition.refusedAt]).toEqual([5n, 5n]);
    await cycle(batch(5n, 5));
    await transaction.commit(never);
    expect([partition.refused, partition.refusedAt]).toEqual([undefined, undefined]);
    await cycle(batch(10n, 1));
    expect(transaction.takesIn([answer([batch(11n, 1)], 12n)])).toBe(true);
  });

  it('C11: commits again what no process of its own committed, once', async () => {
    const { partition, transaction, answers, steps } = world();
    const idle = async () => {
      const plan = await answers.plan([], transaction, never);
      await transaction.write(plan, never);
      await transaction.commit(never);
    };
    await idle();
    expect(steps).toEqual(['committed']);
    expect(partition.committedAtMs).toBeGreaterThan(0);
    await idle();
    expect(steps).toEqual(['committed']);
  });

  it('records a stop that is found meanwhile after it, with the cycles before it durable', async () => {
    const { deps, partition, transaction, unrecorded, cycle, steps } = world();
    await cycle(batch(0n, 5));
    // Offsets are missing in it, so it has to be written anew, and cannot be.
    await cycle(batch(5n, 5, 3));
    expect(partition.mode.mode).toBe('stopped');
    await transaction.commit(never);
    await unrecorded.record(deps.stops, never);
    expect(steps).toEqual(['produced', 'committed', 'recorded batch_corrupt', 'partition_stopped']);
    expect(offsetValue(partition.committed!.next)).toBe(5n);
  });

  it('forgets a stop whose transaction is aborted: accepting the loss of its batch would give up those before it', async () => {
    const { deps, table, partition, transaction, unrecorded, cycle, steps } = world();
    await cycle(batch(0n, 5));
    await cycle(batch(5n, 5, 3));
    transaction.forget();
    unrecorded.forgetPlanned(table);
    await unrecorded.record(deps.stops, never);
    expect(steps).toEqual(['produced']);
    expect(partition.mode).toMatchObject({ mode: 'held' });
  });

  it('C6: makes nothing durable in a regional log that was cut while its partition was idle', async () => {
    const { deps, partition, transaction, unrecorded, cycle, steps, cutRegion } = world();
    await cycle(batch(0n, 5));
    await transaction.commit(never);
    cutRegion(3n);
    await expect(cycle(batch(5n, 5))).rejects.toMatchObject({ code: 'region_truncated' });
    await unrecorded.record(deps.stops, never);
    expect(steps).toEqual(['produced', 'committed', 'produced', 'recorded region_truncated']);
    expect(partition.mode).toMatchObject({ mode: 'stopped', lost: { from: 3n, to: 5n } });
    expect(offsetValue(partition.committed!.next)).toBe(5n);
  });

  it('C6: nor where the cut took no more than the marker of what was mirrored last', async () => {
    const { transaction, cycle, cutRegion } = world();
    await cycle(batch(0n, 5));
    await transaction.commit(never);
    cutRegion(5n);
    await expect(cycle(batch(5n, 5))).rejects.toMatchObject({ code: 'region_truncated' });
  });

  it('C6: knows by what is kept how far the region was mirrored into, where an operator moved the position', async () => {
    const { partition, cycle, keep } = world();
    partition.committed = { ...partition.committed!, regionalEnd: undefined };
    partition.read = partition.committed;
    keep(7n);
    await expect(cycle(batch(0n, 5))).rejects.toMatchObject({ code: 'region_truncated' });
  });

  it('asks nothing of the database while it is open: a trial that brought data is over when that is durable', async () => {
    const { partition, transaction, cycle, steps } = world();
    partition.setMode({ mode: 'stopped', error: new FarshoreError('cluster_denied', 'no right'), since: '' });
    partition.tryAgain();
    partition.setMode({ mode: 'running' });
    partition.read = partition.committed;
    await cycle(batch(0n, 5));
    await cycle();
    expect(steps).toEqual(['produced']);
    await transaction.noteWentOn(await transaction.commit(never), never);
    expect(steps).toEqual(['produced', 'committed', 'resumed']);
  });
});

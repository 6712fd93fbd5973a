import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AbortedTransaction, committedBatches, markerOf } from '../../../src/kafka/batch/abort-filter.ts';
import type { RawBatch } from '../../../src/model/batch.ts';
import { type BatchShape, rawBatch } from './batch-fixtures.ts';

const data = (baseOffset: bigint, producerId: bigint, more: Partial<BatchShape> = {}): RawBatch =>
  rawBatch({ baseOffset, producerId, transactional: true, ...more });
const marker = (baseOffset: bigint, producerId: bigint, control: 'abort' | 'commit'): RawBatch =>
  rawBatch({ baseOffset, producerId, control });
const bases = (batches: readonly RawBatch[]): bigint[] => batches.map(({ baseOffset }) => baseOffset);

describe('committedBatches', () => {
  it('drops an aborted transaction and its marker and passes what follows', () => {
    const result = committedBatches([data(0n, 7n), marker(1n, 7n, 'abort'), data(2n, 7n)], [{ producerId: 7n, firstOffset: 0n }], 0n);
    expect(bases(result.batches)).toEqual([2n]);
    expect(result).toMatchObject({ nextOffset: 3n, droppedAborted: 1, droppedControl: 1 });
  });

  it('keeps overlapping transactions of two producers apart', () => {
    const batches = [
      data(0n, 1n),
      data(1n, 2n),
      data(2n, 1n),
      marker(3n, 2n, 'commit'),
      data(4n, 1n),
      marker(5n, 1n, 'abort'),
      data(6n, 2n),
    ];
    expect(bases(committedBatches(batches, [{ producerId: 1n, firstOffset: 0n }], 0n).batches)).toEqual([1n, 6n]);
  });

  it('takes the list in order of first offset, however the broker sent it', () => {
    const batches = [data(0n, 1n), marker(1n, 1n, 'abort'), data(2n, 1n), marker(3n, 1n, 'commit'), data(4n, 1n), marker(5n, 1n, 'abort')];
    const aborted = [
      { producerId: 1n, firstOffset: 4n },
      { producerId: 1n, firstOffset: 0n },
    ];
    expect(bases(committedBatches(batches, aborted, 0n).batches)).toEqual([2n]);
  });

  it('drops the rest of a transaction that began before the fetch', () => {
    const result = committedBatches([data(50n, 1n), data(51n, 1n), marker(52n, 1n, 'abort')], [{ producerId: 1n, firstOffset: 3n }], 50n);
    expect(result).toMatchObject({ batches: [], nextOffset: 53n, droppedAborted: 2, droppedControl: 1 });
  });

  it('drops a transaction whose marker lies past the answer', () => {
    expect(committedBatches([data(0n, 1n), data(1n, 1n)], [{ producerId: 1n, firstOffset: 0n }], 0n)).toMatchObject({
      batches: [],
      nextOffset: 2n,
      droppedAborted: 2,
    });
  });

  it('passes an abort marker that no entry of the list belongs to', () => {
    expect(bases(committedBatches([marker(0n, 1n, 'abort'), data(1n, 1n)], [], 0n).batches)).toEqual([1n]);
  });

  it('passes an answer of markers only', () => {
    expect(committedBatches([marker(4n, 1n, 'commit'), marker(5n, 2n, 'abort')], [], 4n)).toMatchObject({
      batches: [],
      nextOffset: 6n,
      droppedControl: 2,
    });
  });

  it('passes what an aborted producer wrote outside a transaction', () => {
    const plain = data(1n, 1n, { transactional: false });
    expect(bases(committedBatches([data(0n, 1n), plain], [{ producerId: 1n, firstOffset: 0n }], 0n).batches)).toEqual([1n]);
  });

  it('C14: drops and passes a batch that compaction emptied', () => {
    expect(committedBatches([data(0n, -1n, { count: 0, transactional: false, lastOffset: 9n })], [], 0n)).toMatchObject({
      batches: [],
      nextOffset: 10n,
      droppedAborted: 0,
    });
  });

  it('hands a batch that begins below the offset asked for out whole', () => {
    const result = committedBatches([data(0n, 1n, { count: 10 })], [], 5n);
    expect(bases(result.batches)).toEqual([0n]);
    expect(result.nextOffset).toBe(10n);
  });

  it('never answers a next offset below the one asked for', () => {
    expect(committedBatches([data(0n, 1n)], [], 5n)).toMatchObject({ batches: [], nextOffset: 5n });
    expect(committedBatches([], [], 5n)).toMatchObject({ nextOffset: 5n });
  });

  it('does not take a leader change for the end of a transaction', () => {
    const change = rawBatch({ baseOffset: 1n, producerId: 1n, control: 'leader_change' });
    expect(markerOf(change)).toBeUndefined();
    const result = committedBatches([data(0n, 1n), change, data(2n, 1n)], [{ producerId: 1n, firstOffset: 0n }], 0n);
    expect(bases(result.batches)).toEqual([]);
  });

  it('finds what a reader that knows every outcome finds, wherever the fetch begins and ends', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), fc.nat(60), (steps, from, length) => {
        const log = play(steps);
        const window = log.entries.slice(from, from + length);
        const start = window[0]?.batch.baseOffset ?? 0n;
        const end = window.at(-1)?.batch.lastOffset ?? -1n;
        // What the broker lists: transactions that were aborted and reach into the answer, in no order of ours.
        const aborted = log.aborted.filter(({ firstOffset, marker: at }) => at >= start && firstOffset <= end).reverse();
        const result = committedBatches(
          window.map(({ batch }) => batch),
          aborted,
          start,
        );
        expect(bases(result.batches)).toEqual(window.filter(({ committed }) => committed()).map(({ batch }) => batch.baseOffset));
        expect(result.nextOffset).toBe(end < start ? start : end + 1n);
      }),
      { numRuns: 500 },
    );
  });
});

const step = fc.record({
  producer: fc.integer({ min: 1, max: 4 }),
  kind: fc.constantFrom('write', 'write', 'write', 'plain', 'empty', 'abort', 'commit'),
});
type Step = { producer: number; kind: string };

/** A naive log: every batch knows its transaction, every transaction its outcome. An open one at the end is above the last stable offset. */
function play(steps: readonly Step[]) {
  interface Transaction {
    outcome: 'open' | 'abort' | 'commit';
    firstOffset: bigint;
  }
  const open = new Map<number, Transaction>();
  const entries: { batch: RawBatch; committed: () => boolean; transaction: Transaction | undefined }[] = [];
  const aborted: (AbortedTransaction & { marker: bigint })[] = [];
  let offset = 0n;
  for (const { producer, kind } of steps) {
    const producerId = BigInt(producer);
    if (kind === 'abort' || kind === 'commit') {
      const transaction = open.get(producer);
      if (transaction !== undefined) {
        transaction.outcome = kind;
        open.delete(producer);
        if (kind === 'abort') aborted.push({ producerId, firstOffset: transaction.firstOffset, marker: offset });
      }
      entries.push({ batch: marker(offset, producerId, kind), committed: () => false, transaction: undefined });
    } else if (kind === 'write') {
      const transaction = open.get(producer) ?? { outcome: 'open', firstOffset: offset };
      open.set(producer, transaction);
      entries.push({ batch: data(offset, producerId, { count: 2 }), committed: () => transaction.outcome === 'commit', transaction });
    } else {
      const count = kind === 'empty' ? 0 : 1;
      const batch = data(offset, producerId, { transactional: false, count });
      entries.push({ batch, committed: () => count > 0, transaction: undefined });
    }
    offset = entries.at(-1)!.batch.lastOffset + 1n;
  }
  const stable = entries.findIndex(({ transaction }) => transaction?.outcome === 'open');
  return { entries: stable < 0 ? entries : entries.slice(0, stable), aborted };
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planProduce } from '../../../src/kafka/produce-plan.ts';

const write = (partition: number, sizes: readonly number[]) => ({
  topic: 't',
  partition,
  batches: sizes.map((size, index) => ({ bytes: Buffer.alloc(size), baseOffset: BigInt(index) })),
});

describe('planProduce', () => {
  it('C12: a request holds at most one batch a partition, and the batches of a partition keep their order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 6 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 120 }),
        (sizes, limit) => {
          const writes = sizes.map((ofPartition, partition) => write(partition, ofPartition));
          const plan = planProduce(writes, [...writes.keys()], limit);
          const sent = writes.map(() => [] as number[]);
          for (const request of [...plan.first, ...plan.rest]) {
            expect(new Set(request.map((part) => part.write)).size).toBe(request.length);
            const size = request.reduce((sum, part) => sum + part.bytes.length, 0);
            expect(size <= limit || request.length === 1).toBe(true);
            for (const part of request) sent[part.write]!.push(part.batch);
          }
          expect(sent).toEqual(writes.map(({ batches }) => [...batches.keys()]));
        },
      ),
    );
  });

  it('puts the first batch of every partition, and only those, into the first requests', () => {
    const plan = planProduce([write(0, [10, 10]), write(1, [10]), write(2, [])], [0, 1, 2], 1_000);
    expect(plan.first.flat().map(({ partition, batch }) => [partition, batch])).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(plan.rest.flat().map(({ partition, batch }) => [partition, batch])).toEqual([[0, 1]]);
  });

  it('plans only the partitions of its own leader', () => {
    const plan = planProduce([write(0, [1]), write(1, [1])], [1], 100);
    expect(plan.first.flat().map(({ partition }) => partition)).toEqual([1]);
  });
});

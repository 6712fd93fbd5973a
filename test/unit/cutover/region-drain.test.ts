import { describe, expect, it } from 'vitest';
import { regionDrain } from '../../../src/cutover/region-drain.ts';
import type { AppliedHere } from '../../../src/cutover/step-contracts.ts';

const regional = { orders: { '0': '7', '1': '0' }, items: { '0': '3' } };
const applied = (...partitions: AppliedHere['partitions']): AppliedHere => ({ topics: new Set(['orders']), partitions });
const orders = (partition: number, next: bigint | undefined, state?: 'stopped' | 'paused') => ({
  topic: 'orders',
  partition,
  next,
  stands: state === undefined ? undefined : { state, message: state === 'paused' ? 'ada' : 'The database refused a row' },
});

describe('whether apply has passed what the region starts at', () => {
  it('asks for every partition of the topics that are applied, and for no other', () => {
    expect(regionDrain(regional, applied(orders(0, 7n), orders(1, undefined)))).toEqual({ kind: 'passed' });
    expect(regionDrain({}, applied())).toEqual({ kind: 'passed' });
  });

  it('counts what is left, all of it of a partition that is not known yet', () => {
    const unknown = 'apply of orders:0 is at no position, and the region starts at 7';
    expect(regionDrain(regional, applied())).toEqual({ kind: 'behind', left: 7n, places: [unknown] });
    const some = regionDrain(regional, applied(orders(0, 5n), orders(1, 0n)));
    expect(some).toMatchObject({ kind: 'behind', left: 2n });
  });

  it('names a partition that stands with how to go on, also where it has passed: it could be set back', () => {
    for (const next of [5n, 7n]) {
      expect(regionDrain(regional, applied(orders(0, next, 'paused'), orders(1, 0n, 'stopped')))).toEqual({
        kind: 'stands',
        places: [
          expect.stringMatching(/^apply of orders:0 is paused by ada: .*farshore partition resume orders:0 --stage apply/),
          expect.stringContaining('apply of orders:1 is stopped: The database refused a row: '),
        ],
      });
    }
  });
});

import { describe, expect, it } from 'vitest';
import { asPublished } from '../../../src/apply/home-published.ts';
import { orderAt } from '../../../src/apply/order-at.ts';
import { regionalOffset } from '../../../src/model/offsets.ts';
import { generationsOf, order } from './stage-doubles.ts';

/** Beside the primary `us`: the region `eu` was home from offset 4 on. */
const known = order(
  't',
  generationsOf([[0, 0n]]),
  [
    { epoch: 1, home: 'us', starts: new Map() },
    { epoch: 2, home: 'eu', starts: new Map([[0, 4n]]) },
  ],
  [1],
);
const at = (offset: bigint, published: Parameters<typeof asPublished>[1]) =>
  orderAt(asPublished(known, published, 'us'), 0, offset, new Map([[0, regionalOffset(offset)]]), 'us');
const back = { home: 'us', epoch: 3, fromOffsets: new Map([[0, 9n]]) };

describe('asPublished', () => {
  it('C3: after a revert, records from the published offset on are those of the home here', () => {
    expect(at(9n, undefined)).toMatchObject({ kind: 'apply', homeEpoch: 2 });
    expect(at(9n, back)).toMatchObject({ kind: 'pass' });
    expect(at(3n, back)).toMatchObject({ kind: 'pass', end: 4n });
  });

  it('C3: what was not applied before the primary was opened again stops the partition', () => {
    expect(at(8n, back)).toEqual({ kind: 'older', end: 9n, olderEnd: 9n });
  });

  it('waits for the ledger where another home is newer, or nothing says where the epoch begins', () => {
    expect(at(9n, { home: 'eu', epoch: 4, fromOffsets: new Map([[0, 100n]]) })).toMatchObject({ kind: 'wait' });
    expect(at(9n, { ...back, fromOffsets: undefined })).toMatchObject({ kind: 'wait' });
  });

  it('keeps where the home here began while it stays here', () => {
    const returned = asPublished(known, back, 'us');
    expect(asPublished(returned, { home: 'us', epoch: 5, fromOffsets: undefined }, 'us')).toBe(returned);
  });

  it('leaves an order as it is that knows as much', () => {
    for (const published of [undefined, { ...back, epoch: 2 }, { ...back, home: 'eu', epoch: 1 }])
      expect(asPublished(known, published, 'us')).toBe(known);
  });
});

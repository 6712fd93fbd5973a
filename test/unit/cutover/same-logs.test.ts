import { describe, expect, it } from 'vitest';
import { grownSince, ofSameLogs } from '../../../src/cutover/log-ends.ts';

describe('what was written in the region since it became the home', () => {
  const kept = { regional: { orders: { '0': '7', '1': '9' } }, home: null, regionalIds: { orders: 'A' } };
  const ends = { orders: { '0': '7', '1': '12' } };

  it('C25: is of partitions that end elsewhere than they did', () => {
    expect(grownSince(ofSameLogs(kept, { orders: 'A' }), ends)).toEqual({ orders: { '1': '12' } });
  });

  it('C6: is all that a topic holds which was created again since, also where it ends by chance as the one before did', () => {
    expect(grownSince(ofSameLogs(kept, { orders: 'B' }), ends)).toEqual(ends);
  });

  it('is told by the offsets alone where an older version kept them, or read the ends', () => {
    const { regionalIds: _none, ...older } = kept;
    expect(grownSince(ofSameLogs(older, { orders: 'A' }), ends)).toEqual({ orders: { '1': '12' } });
    expect(grownSince(ofSameLogs(kept, {}), ends)).toEqual({ orders: { '1': '12' } });
    expect(grownSince(ofSameLogs(undefined, { orders: 'A' }), ends)).toEqual(ends);
  });
});

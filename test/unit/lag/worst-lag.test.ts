import { describe, expect, it } from 'vitest';
import type { LagSnapshot } from '../../../src/lag/lag-loop.ts';
import { worstLagSeconds } from '../../../src/lag/worst-lag.ts';

type Partition = LagSnapshot['partitions'][number];
const value = (seconds: number | null) => ({ known: seconds !== null, seconds, records: null });
const applied = (seconds: number | null) => ({ lag: { mirror: value(0), apply: value(0), total: value(seconds) } }) as unknown as Partition;
const mirroredOnly = { lag: { mirror: value(900), apply: null, total: null } } as unknown as Partition;

describe('the lag of the whole region', () => {
  it.each([
    ['is that of the partition furthest behind', [applied(1), applied(7), applied(3)], 7],
    ['takes no partition that is mirrored only', [mirroredOnly, applied(2)], 2],
    ['is not known while one is not known', [applied(7), applied(null)], undefined],
    ['is not known where nothing is applied', [mirroredOnly], undefined],
  ])('%s', (_, partitions, expected) => {
    expect(worstLagSeconds({ partitions })).toBe(expected);
  });
});

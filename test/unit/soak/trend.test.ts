import { describe, expect, it } from 'vitest';
import { seeded } from '../../faults/trial.ts';
import { remotePorts } from '../../soak/samples.ts';
import { type Point, trendOf } from '../../soak/trend.ts';

const MINUTES = 60;
const allowance = { absolute: 3, share: 0.06 };
/** A point each 15 s for an hour. */
const hour = (value: (seconds: number) => number): readonly Point[] =>
  Array.from({ length: MINUTES * 4 }, (_, i) => ({ seconds: i * 15, value: value(i * 15) }));
const noise = (seed: number, size: number) => {
  const random = seeded(seed);
  return () => (random() - 0.5) * 2 * size;
};

describe('the trend of a soak', () => {
  it('of a flat series is flat', () => {
    expect(
      trendOf(
        hour(() => 40),
        300,
        allowance,
      ),
    ).toEqual({ median: 40, perHour: 0, perHourAtLeast: 0, growth: 0, grows: false });
  });

  it.each([1, 2, 3, 4, 5])('of noise, however wide, is flat (seed %i)', (seed) => {
    const wild = noise(seed, 20);
    expect(
      trendOf(
        hour(() => 60 + wild()),
        300,
        allowance,
      )?.grows,
    ).toBe(false);
  });

  it.each([1, 2, 3, 4, 5])('of a leak of 6 MiB an hour in noise as large rises (seed %i)', (seed) => {
    const some = noise(seed, 6);
    const trend = trendOf(
      hour((seconds) => 40 + (seconds / 3_600) * 6 + some()),
      300,
      allowance,
    );
    expect(trend?.grows).toBe(true);
    expect(trend?.perHour).toBeGreaterThan(4);
    expect(trend?.perHour).toBeLessThan(8);
  });

  it('is not moved by peaks, wherever they stand', () => {
    expect(
      trendOf(
        hour((seconds) => (seconds % 300 === 0 || seconds > 3_400 ? 400 : 40)),
        300,
        allowance,
      )?.grows,
    ).toBe(false);
  });

  it('does not look at the warm-up', () => {
    const filling = hour((seconds) => Math.min(40, 10 + seconds / 10));
    expect(trendOf(filling, 300, allowance)?.grows).toBe(false);
  });

  it('takes a rise within the allowance for none, and tells it', () => {
    const trend = trendOf(
      hour((seconds) => 40 + seconds / 3_600),
      300,
      allowance,
    );
    expect(trend).toMatchObject({ perHour: 1, grows: false });
  });

  it('is not known from a few points', () => {
    expect(trendOf(hour(() => 40).slice(0, 25), 300, allowance)).toBeUndefined();
  });
});

it('connections are counted by the port at their other end', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2080 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:D431 0100007F:2384 01 00000000:00000000 02:000A 00000000     0        0 12 2 0 20 4 0 10 -1
   2: 0100007F:D432 0100007F:2384 06 00000000:00000000 02:000A 00000000     0        0 13 2 0 20 4 0 10 -1
   3: 0100007F:D433 0100007F:2384 01 00000000:00000000 02:000A 00000000     0        0 99 2 0 20 4 0 10 -1
`;
  expect(remotePorts(table, new Set(['11', '12', '13']))).toEqual([0x2384]);
});

import { describe, expect, it } from 'vitest';
import { nextChunkAtMs, nextChunkRows, whyWait } from '../../../src/backfill/pace.ts';

const MIB = 1024 * 1024;

describe('the size of a chunk', () => {
  it('begins small, and takes the most where rows are narrow', () => {
    expect(nextChunkRows(5_000, undefined)).toBe(1_000);
    expect(nextChunkRows(200, undefined)).toBe(200);
    expect(nextChunkRows(5_000, { rows: 1_000, bytes: 50_000 })).toBe(5_000);
  });

  it('shrinks with the width of the rows, to a few and never to none', () => {
    expect(nextChunkRows(5_000, { rows: 1_000, bytes: 8 * MIB })).toBe(500);
    expect(nextChunkRows(5_000, { rows: 1, bytes: 100 * MIB })).toBe(10);
    expect(nextChunkRows(3, { rows: 1, bytes: 100 * MIB })).toBe(3);
  });
});

describe('rows a second', () => {
  it('holds the rate over a run, and saves up no more than a second’s worth', () => {
    let due = 0;
    let now = 10_000;
    for (let chunk = 0; chunk < 20; chunk++) {
      now = Math.max(now, due);
      due = nextChunkAtMs(due, now, 100, 100);
    }
    // 20 seconds' worth, less the one that may come at once and the last, whose time is still to come.
    expect(now).toBe(10_000 + 18_000);
  });

  it('waits for nothing without a rate', () => {
    expect(nextChunkAtMs(99_000, 10_000, 100, undefined)).toBe(10_000);
  });
});

describe('the stream comes first', () => {
  const limits = { pauseAboveLagSeconds: 60, pauseAboveLoad: 0.8 };

  it('goes on while the region keeps up', () => {
    expect(whyWait({ homeElsewhere: undefined, applyLagSeconds: 0, lagSeconds: 60, load: 0.8 }, limits, 'database')).toBeUndefined();
  });

  it('says what it waits for', () => {
    expect(whyWait({ homeElsewhere: 'the home is eu-west', applyLagSeconds: 0, lagSeconds: 0, load: 0 }, limits, 'database')).toBe(
      'the home is eu-west',
    );
    expect(whyWait({ homeElsewhere: undefined, applyLagSeconds: 0, lagSeconds: undefined, load: 0 }, limits, 'database')).toBe(
      'the lag of the region is not known',
    );
    expect(whyWait({ homeElsewhere: undefined, applyLagSeconds: 0, lagSeconds: 61, load: 0 }, limits, 'database')).toBe(
      'the region lags 61 s',
    );
    expect(whyWait({ homeElsewhere: undefined, applyLagSeconds: 0, lagSeconds: 1, load: 0.93 }, limits, 'database')).toBe(
      'the daemon is busy (93 %)',
    );
  });

  it('lets records that are here go on while the primary is away, and wait for apply alone', () => {
    const away = { homeElsewhere: undefined, lagSeconds: 3_600, applyLagSeconds: 0, load: 0 };
    for (const from of ['topic', 'file'] as const) {
      expect(whyWait(away, limits, from)).toBeUndefined();
      expect(whyWait({ ...away, lagSeconds: undefined, applyLagSeconds: undefined }, limits, from)).toBeUndefined();
      expect(whyWait({ ...away, applyLagSeconds: 61 }, limits, from)).toBe('the region lags 61 s');
      expect(whyWait({ ...away, homeElsewhere: 'the home is eu-west' }, limits, from)).toBe('the home is eu-west');
    }
    expect(whyWait(away, limits, 'database')).toBe('the region lags 3600 s');
  });
});

import { describe, expect, it } from 'vitest';
import { coverageOf } from '../../../src/audit/coverage.ts';
import type { AuditPassView } from '../../../src/model/audit.ts';

const pass = (changes: Partial<AuditPassView> = {}): AuditPassView => ({
  by: 'ada',
  startedAt: '2025-01-01T00:00:00.000Z',
  endedAt: '2025-01-01T01:00:00.000Z',
  stopped: null,
  rowsCompared: 1_000,
  rowsExpected: 1_000,
  rowsUnlisted: 0,
  bytes: 0,
  workingSeconds: 1,
  ...changes,
});

describe('coverage', () => {
  it.each([
    ['no pass', null, 0, 0],
    ['a pass to the end', pass(), 0, 1],
    ['a pass to the end of an empty table', pass({ rowsCompared: 0 }), 0, 1],
    ['rows that are not settled', pass(), 100, 0.9],
    ['rows that are not listed', pass({ rowsUnlisted: 950 }), 0, 0.05],
    ['both', pass({ rowsUnlisted: 500 }), 250, 0.25],
    ['more open rows than the pass had', pass({ rowsUnlisted: 900 }), 900, 0],
    ['an open pass', pass({ endedAt: null, rowsCompared: 500 }), 0, 0.5],
    ['an open pass with rows that are not listed', pass({ endedAt: null, rowsCompared: 500, rowsUnlisted: 300 }), 100, 0.1],
    ['an open pass with more rows than expected', pass({ endedAt: null, rowsCompared: 5_000_000 }), 0, 0.999],
  ])('of %s', (_, given, open, coverage) => {
    expect(coverageOf(given, open)).toBeCloseTo(coverage, 10);
  });
});

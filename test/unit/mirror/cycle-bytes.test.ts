import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CycleSizes, LEAST_CYCLE_BYTES, nextCycleBytes } from '../../../src/mirror/cycle-bytes.ts';

const MOST = 16_777_216;
const TIMEOUT_MS = 15_000;
const timing = (bytes: number, tookMs: number, committed = true) => ({ bytes, tookMs, committed, transactionTimeoutMs: TIMEOUT_MS });
/** After a cycle that was as large as it might be. */
const afterWhole = (limit: number, tookMs: number, committed = true) => nextCycleBytes(limit, MOST, timing(limit, tookMs, committed));

describe('the bytes of the next cycle', () => {
  it('are as many as allowed while transactions are quick', () => {
    expect(afterWhole(MOST, 40)).toBe(MOST);
    expect(afterWhole(MOST / 4, 40)).toBe(MOST / 2);
    expect(afterWhole(MOST - 1, 40)).toBe(MOST);
  });

  it('are half of what ran into its timeout, or nearly did', () => {
    expect(afterWhole(MOST, TIMEOUT_MS + 1, false)).toBe(MOST / 2);
    expect(afterWhole(MOST, 0.6 * TIMEOUT_MS)).toBe(MOST / 2);
  });

  it('are counted from what was carried: a limit far above it would be halved in vain', () => {
    expect(nextCycleBytes(MOST, MOST, timing(4_000_000, TIMEOUT_MS + 1, false))).toBe(2_000_000);
  });

  it('do not grow after cycles that had little to carry', () => {
    expect(nextCycleBytes(1_000_000, MOST, timing(300, 20))).toBe(1_000_000);
  });

  it('stay after a failure that has nothing to do with their number', () => {
    expect(afterWhole(MOST / 4, 20, false)).toBe(MOST / 4);
  });

  it('do not swing between two sizes over a link that carries one of them in a quarter of the timeout', () => {
    expect(afterWhole(MOST / 8, TIMEOUT_MS / 4)).toBe(MOST / 8);
  });

  it('never fall below what one transaction is worth, nor below a limit that is smaller', () => {
    expect(afterWhole(LEAST_CYCLE_BYTES, TIMEOUT_MS, false)).toBe(LEAST_CYCLE_BYTES);
    expect(nextCycleBytes(16_384, 16_384, timing(16_384, TIMEOUT_MS, false))).toBe(16_384);
  });

  it('come to a size that any link carries in time, and stay there', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4_000, max: 2_000_000 }), (bytesPerSecond) => {
        let bytes = MOST;
        const tookMs = () => (bytes / bytesPerSecond) * 1_000;
        const next = () => afterWhole(bytes, Math.min(tookMs(), TIMEOUT_MS), tookMs() <= TIMEOUT_MS);
        for (let n = 0; n < 20; n++) bytes = next();
        expect(next()).toBe(bytes);
        if (bytes > LEAST_CYCLE_BYTES) expect(tookMs()).toBeLessThanOrEqual(TIMEOUT_MS / 2);
      }),
    );
  });

  it('are kept for the mirror that is built after a lease was lost to a transaction that ran out of time', () => {
    const sizes = new CycleSizes();
    sizes.of(0).note(MOST, timing(MOST, TIMEOUT_MS + 1, false));
    expect(sizes.of(0).limit(MOST)).toBe(MOST / 2);
    expect(sizes.of(1).limit(MOST)).toBe(MOST);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEAST_CYCLE_BYTES, nextCycleBytes } from '../../../src/mirror/cycle-bytes.ts';

const MOST = 16_777_216;
const TIMEOUT_MS = 15_000;
const sizeAfter = (bytes: number, tookMs: number, committed = true) =>
  nextCycleBytes(bytes, MOST, { tookMs, committed, transactionTimeoutMs: TIMEOUT_MS });

describe('the bytes of the next cycle', () => {
  it('are as many as allowed while transactions are quick', () => {
    expect(sizeAfter(MOST, 40)).toBe(MOST);
    expect(sizeAfter(MOST / 4, 40)).toBe(MOST / 2);
    expect(sizeAfter(MOST - 1, 40)).toBe(MOST);
  });

  it('are halved after a transaction that ran into its timeout, and after one that nearly did', () => {
    expect(sizeAfter(MOST, TIMEOUT_MS + 1, false)).toBe(MOST / 2);
    expect(sizeAfter(MOST, 0.6 * TIMEOUT_MS)).toBe(MOST / 2);
  });

  it('stay after a failure that has nothing to do with their number', () => {
    expect(sizeAfter(MOST / 4, 20, false)).toBe(MOST / 4);
  });

  it('do not swing between two sizes over a link that carries one of them in a quarter of the timeout', () => {
    expect(sizeAfter(MOST / 8, TIMEOUT_MS / 4)).toBe(MOST / 8);
  });

  it('never fall below what one transaction is worth, nor below a limit that is smaller', () => {
    expect(sizeAfter(LEAST_CYCLE_BYTES, TIMEOUT_MS, false)).toBe(LEAST_CYCLE_BYTES);
    expect(nextCycleBytes(16_384, 16_384, { tookMs: TIMEOUT_MS, committed: false, transactionTimeoutMs: TIMEOUT_MS })).toBe(16_384);
  });

  it('come to a size that any link carries in time, and stay there', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4_000, max: 2_000_000 }), (bytesPerSecond) => {
        let bytes = MOST;
        const tookMs = () => (bytes / bytesPerSecond) * 1_000;
        for (let n = 0; n < 20; n++) bytes = sizeAfter(bytes, Math.min(tookMs(), TIMEOUT_MS), tookMs() <= TIMEOUT_MS);
        const settled = bytes;
        bytes = sizeAfter(bytes, Math.min(tookMs(), TIMEOUT_MS), tookMs() <= TIMEOUT_MS);
        expect(bytes).toBe(settled);
        if (settled > LEAST_CYCLE_BYTES) expect(tookMs()).toBeLessThanOrEqual(TIMEOUT_MS / 2);
      }),
    );
  });
});

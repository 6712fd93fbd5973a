import { describe, expect, it } from 'vitest';
import { FetchAllowance } from '../../../src/kafka/fetch-allowance.ts';

const MiB = 1 << 20;
const TIMEOUT_MS = 10_000;

/** Asks again and again over a link of so many bytes a second; answers how long it took to get the first answer, or all. */
function overLink(allowance: FetchAllowance, bytesPerSecond: number, backlog: number) {
  let left = backlog;
  let passedMs = 0;
  let lostInARow = 0;
  let mostLostInARow = 0;
  for (let round = 0; round < 10_000 && left > 0; round++) {
    const atOnce = allowance.of(1, Math.min(32 * MiB, left));
    const needsMs = (atOnce / bytesPerSecond) * 1_000;
    passedMs += Math.min(needsMs, TIMEOUT_MS);
    if (needsMs <= TIMEOUT_MS) {
      left -= atOnce;
      lostInARow = 0;
      allowance.answered(1, atOnce, atOnce, needsMs, TIMEOUT_MS);
    } else {
      mostLostInARow = Math.max(mostLostInARow, ++lostInARow);
      allowance.unanswered(1, atOnce, TIMEOUT_MS, TIMEOUT_MS);
    }
  }
  return { left, seconds: passedMs / 1_000, mostLostInARow };
}

describe('bytes asked for at once', () => {
  it('are all that was asked for after a few quick answers', () => {
    const allowance = new FetchAllowance();
    expect(allowance.of(1, 8 * MiB)).toBe(MiB);
    for (let n = 0; n < 5; n++) allowance.answered(1, MiB << n, (MiB << n) * 0.6, 20, TIMEOUT_MS);
    expect(allowance.of(1, 32 * MiB)).toBe(32 * MiB);
    expect(allowance.of(2, 32 * MiB)).toBe(MiB);
  });

  it.each([125_000, 50_000, 20_000, 400_000, 1_300_000])('carry a backlog over a link of %i bytes a second, losing few answers', (rate) => {
    const { left, seconds, mostLostInARow } = overLink(new FetchAllowance(), rate, 64 * MiB);
    expect(left).toBe(0);
    expect(mostLostInARow).toBeLessThanOrEqual(2);
    expect(seconds).toBeLessThan(1.2 * ((64 * MiB) / rate) + 2 * (TIMEOUT_MS / 1_000));
  });

  it('find a link that became slow within two timeouts, and one that became fast again', () => {
    const allowance = new FetchAllowance();
    overLink(allowance, 100 * MiB, 1_024 * MiB);
    expect(overLink(allowance, 125_000, 8 * MiB).mostLostInARow).toBeLessThanOrEqual(2);
    overLink(allowance, 100 * MiB, 1_024 * MiB);
    expect(allowance.of(1, 32 * MiB)).toBe(32 * MiB);
  });

  it('do not grow by answers of a quiet topic', () => {
    const allowance = new FetchAllowance();
    for (let n = 0; n < 100; n++) allowance.answered(1, MiB, 10_000, 20, TIMEOUT_MS);
    expect(allowance.of(1, 8 * MiB)).toBe(MiB);
  });

  it('stay when a connection was lost before the time was up', () => {
    const allowance = new FetchAllowance();
    allowance.unanswered(1, MiB, TIMEOUT_MS - 1, TIMEOUT_MS);
    expect(allowance.of(1, 8 * MiB)).toBe(MiB);
  });
});

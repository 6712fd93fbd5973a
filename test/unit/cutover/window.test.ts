import { describe, expect, it } from 'vitest';
import type { GateMeasurements } from '../../../src/cutover/contracts.ts';
import { readGates } from '../../../src/cutover/gates.ts';
import { advance, readiness, type Window } from '../../../src/cutover/window.ts';
import { good, limits, measured } from './fixtures.ts';

const settings = { windowMs: 100_000, maxGapMs: 15_000 };
const gatesAt = (ms: number, changes: Partial<GateMeasurements> = {}) => readGates({ ...good(ms), ...changes }, limits, ms);
const heldUntil = (untilMs: number, from?: Window, startMs = 0): Window => {
  let window = from;
  for (let ms = startMs; ms <= untilMs; ms += 5_000) window = advance(window, gatesAt(ms), ms, settings);
  return window!;
};
const ready = (window: Window, ms = window.lastMs) => readiness(window, gatesAt(ms), settings);

describe('the window', () => {
  it('is full only when all gates held for all of it', () => {
    expect(ready(heldUntil(95_000))).toMatchObject({ allHeld: false, copyHeld: true });
    expect(ready(heldUntil(95_000)).missing).toBe('all gates have held for 95 s in 20 readings; 100 s are needed; measuring began anew');
    expect(ready(heldUntil(100_000))).toMatchObject({ allHeld: true, held: 'all gates have held for 100 s in 21 readings' });
  });

  it('begins anew after a gate was shut for a single reading, and names it', () => {
    const shut = gatesAt(105_000, { parked: measured({ records: 1 }, 105_000) });
    const broken = advance(heldUntil(100_000), shut, 105_000, settings);
    expect(readiness(broken, shut, settings)).toMatchObject({
      allHeld: false,
      copyHeld: true,
      missing: 'parked: 1 records are parked; at most 0 may be',
    });
    const again = heldUntil(205_000, broken, 110_000);
    expect(ready(again)).toMatchObject({ allHeld: false });
    expect(again.broken).toBe('parked: 1 records are parked; at most 0 may be');
    expect(ready(heldUntil(210_000, broken, 110_000))).toMatchObject({ allHeld: true });
  });

  it.each([
    ['a gap', 115_001],
    ['a clock that went back', 99_999],
    ['a clock without a time', Number.NaN],
  ])('begins anew after %s', (_what, nextMs) => {
    const torn = advance(heldUntil(100_000), gatesAt(100_000), nextMs, settings);
    expect(torn.all).toMatchObject({ readings: 1 });
    expect(readiness(torn, gatesAt(100_000), settings)).toMatchObject({ allHeld: false, copyHeld: false });
    expect(torn.broken).toMatch(/^the gates were not read for/);
    expect(advance(heldUntil(100_000), gatesAt(115_000), 115_000, settings).all?.readings).toBe(22);
  });

  it('is never full without a reading of every gate', () => {
    let window: Window | undefined;
    for (let ms = 0; ms <= 200_000; ms += 5_000) window = advance(window, gatesAt(ms).slice(1), ms, settings);
    expect(readiness(window!, gatesAt(200_000).slice(1), settings)).toMatchObject({ allHeld: false, copyOpen: false, copyHeld: false });
  });

  it('keeps since when each gate is as it is', () => {
    const shut = advance(heldUntil(20_000), gatesAt(25_000, { hold: measured({ by: 'ada', reason: 'x' }, 25_000) }), 25_000, settings);
    expect(shut.gates.get('hold')).toEqual({ open: false, sinceMs: 25_000 });
    expect(shut.gates.get('lag')).toEqual({ open: true, sinceMs: 0 });
  });
});

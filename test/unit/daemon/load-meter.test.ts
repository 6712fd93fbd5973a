import { describe, expect, it } from 'vitest';
import { LoadMeter } from '../../../src/daemon/load-meter.ts';

describe('the load of the thread', () => {
  it('is high after it was held up, and looked at anew a window later only', () => {
    const meter = new LoadMeter(0);
    const untilMs = performance.now() + 50;
    while (performance.now() < untilMs);
    expect(meter.load(100)).toBe(0);
    expect(meter.load(250)).toBeGreaterThan(0.9);
    expect(meter.load(300)).toBeGreaterThan(0.9);
  });
});

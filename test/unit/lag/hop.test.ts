import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HopReadings } from '../../../src/lag/hop.ts';
import { MAX_READINGS } from '../../../src/lag/readings.ts';
import { type HomeOffset, homeOffset } from '../../../src/model/offsets.ts';

const at = (value: number): HomeOffset => homeOffset(BigInt(value));

describe('C21: lag of one stage', () => {
  it('is not known before an end was read and passed', () => {
    const hop = new HopReadings<HomeOffset>();
    expect(hop.lagSeconds(5_000)).toBeUndefined();
    hop.moveTo(at(10));
    expect(hop.lagRecords()).toBeUndefined();
    hop.read(1_000, at(20), at(10));
    expect(hop.lagSeconds(5_000)).toBeUndefined();
    expect(hop.lagRecords()).toBe(10n);
  });

  it('is the age of the newest end that was passed', () => {
    const hop = new HopReadings<HomeOffset>();
    hop.moveTo(at(0));
    hop.read(1_000, at(10), at(0));
    hop.read(2_000, at(20), at(0));
    hop.read(3_000, at(30), at(0));
    hop.moveTo(at(20));
    expect(hop.lagSeconds(3_500)).toBe(1.5);
    hop.moveTo(at(29));
    expect(hop.lagSeconds(3_500)).toBe(1.5);
    hop.moveTo(at(30));
    expect(hop.lagSeconds(3_500)).toBe(0.5);
  });

  it('grows while nothing is read and nothing moves', () => {
    const hop = new HopReadings<HomeOffset>();
    hop.moveTo(at(10));
    hop.read(1_000, at(10), at(10));
    expect([2_000, 60_000, 3_600_000].map((nowMs) => hop.lagSeconds(nowMs))).toEqual([1, 59, 3_599]);
  });

  it('grows while a stage is dead and the log goes on', () => {
    const hop = new HopReadings<HomeOffset>();
    hop.moveTo(at(10));
    hop.read(1_000, at(10), at(10));
    let before = 0;
    for (let tick = 1; tick <= 10_000; tick++) {
      hop.read(1_000 + tick * 1_000, at(10 + tick), at(10));
      const lag = hop.lagSeconds(1_000 + tick * 1_000)!;
      expect(lag).toBeGreaterThan(before);
      before = lag;
    }
    expect(hop.held).toBeLessThanOrEqual(MAX_READINGS);
    expect(before).toBe(10_000);
    expect(hop.lagRecords()).toBe(10_000n);
  });

  it('stays near zero on an idle topic, in one reading', () => {
    const hop = new HopReadings<HomeOffset>();
    hop.moveTo(at(10));
    for (let tick = 1; tick <= 1_000; tick++) {
      hop.read(tick * 1_000, at(10), at(10));
      expect(hop.lagSeconds(tick * 1_000 + 5)).toBe(0.005);
      expect(hop.lagRecords()).toBe(0n);
      expect(hop.held).toBe(0);
    }
  });

  it('holds one reading of a log that stands still before a stage that is dead', () => {
    const hop = new HopReadings<HomeOffset>();
    hop.moveTo(at(10));
    for (let tick = 1; tick <= 100; tick++) hop.read(tick * 1_000, at(20), at(10));
    expect(hop.held).toBe(1);
  });

  it('counts a later, lower end before a higher one that was read earlier', () => {
    const hop = new HopReadings<HomeOffset>();
    hop.moveTo(at(0));
    hop.read(1_000, at(20), at(0));
    hop.read(2_000, at(5), at(0));
    hop.moveTo(at(5));
    expect(hop.lagSeconds(2_500)).toBe(0.5);
  });

  it('does not count an end below the position it was asked for with: that is another log', () => {
    const hop = new HopReadings<HomeOffset>();
    hop.moveTo(at(1_000));
    hop.read(1_000, at(1_000), at(1_000));
    expect(hop.read(2_000, at(5), at(1_000))).toBe(false);
    expect(hop.lagSeconds(2_000)).toBe(1);
  });

  it('counts an end that the position has passed by the time it is answered', () => {
    const hop = new HopReadings<HomeOffset>();
    hop.moveTo(at(90));
    hop.moveTo(at(110));
    expect(hop.read(1_000, at(100), at(90))).toBe(true);
    expect(hop.lagSeconds(1_100)).toBe(0.1);
    expect(hop.lagRecords()).toBe(0n);
  });

  it('is unknown again after the position went back', () => {
    const hop = new HopReadings<HomeOffset>();
    hop.moveTo(at(100));
    hop.read(1_000, at(100), at(100));
    expect(hop.moveTo(at(40))).toBe('rewound');
    expect(hop.lagSeconds(2_000)).toBeUndefined();
    hop.read(2_000, at(100), at(40));
    hop.moveTo(at(100));
    expect(hop.lagSeconds(2_500)).toBe(0.5);
  });

  it('is never less than with every reading kept, never negative, in bounded memory', () => {
    const steps = fc.array(fc.record({ written: fc.nat(50), moved: fc.nat(60), quiet: fc.integer({ min: 1, max: 3_000 }) }), {
      minLength: 1,
      maxLength: 600,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const hop = new HopReadings<HomeOffset>();
        const kept: { atMs: number; end: number }[] = [];
        let nowMs = 0;
        let end = 0;
        let position = 0;
        for (const { written, moved, quiet } of all) {
          nowMs += quiet;
          end += written;
          hop.read(nowMs, at(end), at(position));
          kept.push({ atMs: nowMs, end });
          position = Math.min(end, position + moved);
          hop.moveTo(at(position));
          const exact = kept.findLast((reading) => reading.end <= position);
          const exactSeconds = exact === undefined ? undefined : (nowMs - exact.atMs) / 1000;
          const lag = hop.lagSeconds(nowMs);
          expect(hop.held).toBeLessThanOrEqual(MAX_READINGS);
          if (lag !== undefined) {
            expect(lag).toBeGreaterThanOrEqual(0);
            expect(exactSeconds).toBeDefined();
            expect(lag).toBeGreaterThanOrEqual(exactSeconds!);
          }
          expect(hop.lagRecords()).toBe(BigInt(end - position));
          if (position === end) expect(lag).toBe(0);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is coarse by no more than a fifth, at any age of a day of backlog', () => {
    const hop = new HopReadings<HomeOffset>();
    hop.moveTo(at(0));
    hop.read(0, at(0), at(0));
    const day = 86_400;
    for (let tick = 1; tick <= day; tick++) hop.read(tick * 1_000, at(tick), at(0));
    let worst = 0;
    for (let position = 0; position < day; position += 7) {
      hop.moveTo(at(position));
      const exact = day - position;
      const lag = hop.lagSeconds(day * 1_000)!;
      expect(lag).toBeGreaterThanOrEqual(exact);
      worst = Math.max(worst, (lag - exact) / exact);
    }
    expect(worst).toBeLessThan(0.2);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_READINGS } from '../../../src/lag/readings.ts';
import { PartitionTracker } from '../../../src/lag/tracker.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';

const home = (value: number) => homeOffset(BigInt(value));
const regional = (value: number) => regionalOffset(BigInt(value));
const ends = (end: number, highWatermark = end) => ({ start: 0n, end: BigInt(end), highWatermark: BigInt(highWatermark) });

describe('C5, C21: lag of both stages together', () => {
  it('counts an end only after the mirror, then a regional end, then apply', () => {
    const t = new PartitionTracker();
    t.mirrorAt(home(0));
    t.applyAt(regional(0));
    t.homeEnds(1_000, ends(10), home(0));
    t.beforeRegionalRead(home(10));
    t.regionalEnds(1_100, ends(25), regional(0));
    expect(t.lag(2_000, true).total).toEqual({ known: false, seconds: null, records: '25' });
    t.applyAt(regional(24));
    expect(t.lag(2_000, true).total?.seconds).toBeNull();
    t.applyAt(regional(25));
    expect(t.lag(2_000, true)).toEqual({
      mirror: { known: true, seconds: 1, records: '0' },
      apply: { known: true, seconds: 0.9, records: '0' },
      total: { known: true, seconds: 1, records: '0' },
    });
  });

  it('does not count a regional end that was asked for before the mirror got there', () => {
    const t = new PartitionTracker();
    t.mirrorAt(home(0));
    t.applyAt(regional(0));
    t.homeEnds(1_000, ends(10), home(0));
    t.beforeRegionalRead(home(0));
    // While the regional end is on its way the mirror commits up to 10; a scrape takes the new position.
    t.mirrorAt(home(10));
    t.regionalEnds(1_100, ends(0), regional(0));
    t.applyAt(regional(0));
    expect(t.lag(1_200, true).total).toEqual({ known: false, seconds: null, records: '0' });
    t.beforeRegionalRead(home(10));
    t.regionalEnds(2_100, ends(11), regional(0));
    t.applyAt(regional(11));
    expect(t.lag(2_200, true).total?.seconds).toBe(1.2);
  });

  it('grows in a stage that is dead, in that stage only, and in the total', () => {
    const t = new PartitionTracker();
    let mirrored = 0;
    let lastTotal = 0;
    for (let tick = 1; tick <= 500; tick++) {
      const nowMs = tick * 1_000;
      const applied = Math.min(mirrored, 5);
      t.mirrorAt(home(mirrored));
      t.applyAt(regional(applied));
      t.homeEnds(nowMs, ends(mirrored), home(mirrored));
      t.beforeRegionalRead(home(mirrored));
      t.regionalEnds(nowMs, ends(mirrored), regional(applied));
      t.applyAt(regional(applied));
      mirrored++;
      const lag = t.lag(nowMs, true);
      expect(lag.mirror.seconds).toBe(0);
      if (tick > 6) {
        expect(lag.apply!.seconds!).toBeGreaterThan(lastTotal);
        expect(lag.total!.seconds!).toBeGreaterThan(lastTotal);
        lastTotal = lag.total!.seconds!;
      }
    }
    expect(lastTotal).toBe(494);
    expect(t.held).toBeLessThanOrEqual(2 * MAX_READINGS);
  });

  it('adds up what either stage is behind by', () => {
    const t = new PartitionTracker();
    t.mirrorAt(home(4));
    t.applyAt(regional(2));
    t.homeEnds(1_000, ends(10), home(4));
    t.beforeRegionalRead(home(4));
    t.regionalEnds(1_000, ends(5), regional(2));
    expect(t.lag(1_000, true)).toMatchObject({ mirror: { records: '6' }, apply: { records: '3' }, total: { records: '9' } });
  });

  it('keeps an end that is on its way to apply when further ends are read at home', () => {
    const t = new PartitionTracker();
    t.mirrorAt(home(0));
    t.applyAt(regional(0));
    t.homeEnds(1_000, ends(10), home(0));
    t.beforeRegionalRead(home(10));
    t.homeEnds(2_000, ends(20), home(10));
    t.regionalEnds(2_100, ends(11), regional(0));
    t.homeEnds(3_000, ends(30), home(10));
    t.applyAt(regional(11));
    expect(t.lag(3_000, true).total?.seconds).toBe(2);
  });

  it.each(['mirror', 'apply'] as const)('is unknown again after the position of %s went back', (stage) => {
    const t = new PartitionTracker();
    t.mirrorAt(home(10));
    t.applyAt(regional(11));
    t.homeEnds(1_000, ends(10), home(10));
    t.beforeRegionalRead(home(10));
    t.regionalEnds(1_000, ends(11), regional(11));
    t.applyAt(regional(11));
    expect(t.lag(2_000, true).total).toMatchObject({ known: true, seconds: 1 });
    if (stage === 'mirror') t.mirrorAt(home(3));
    else t.applyAt(regional(3));
    expect(t.lag(2_000, true).total).toMatchObject({ known: false, seconds: null });
    expect(t.lag(2_000, true)[stage]).toMatchObject({ known: false, seconds: null });
  });

  it('is not known after three missed reads of either cluster, and goes on growing', () => {
    const t = new PartitionTracker();
    t.mirrorAt(home(10));
    t.applyAt(regional(10));
    t.homeEnds(1_000, ends(10), home(10));
    t.beforeRegionalRead(home(10));
    t.regionalEnds(1_000, ends(10), regional(10));
    t.applyAt(regional(10));
    expect(t.lag(1_000, true).total).toEqual({ known: true, seconds: 0, records: '0' });
    t.missHome();
    t.missHome();
    expect(t.lag(3_000, true).mirror.known).toBe(true);
    t.missHome();
    const lag = t.lag(60_000, true);
    expect(lag.mirror).toEqual({ known: false, seconds: 59, records: '0' });
    expect(lag.total).toEqual({ known: false, seconds: 59, records: '0' });
    expect(lag.apply?.known).toBe(true);
    t.homeEnds(60_000, ends(12), home(10));
    expect(t.lag(60_000, true).mirror).toEqual({ known: true, seconds: 59, records: '2' });
  });

  it('treats the ends of a log that was created again as missed reads, not as passed', () => {
    const t = new PartitionTracker();
    t.mirrorAt(home(1_000));
    t.homeEnds(1_000, ends(1_000), home(1_000));
    for (let tick = 2; tick <= 4; tick++) t.homeEnds(tick * 1_000, ends(5), home(1_000));
    expect(t.lag(4_000, false)).toEqual({ mirror: { known: false, seconds: 3, records: '0' }, apply: null, total: null });
  });

  it('never claims what the three looks in a row do not prove, in bounded memory', () => {
    // A region where record n at home has regional end n + extra markers; the model knows the truth.
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), count: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ do: fc.constant('mirror' as const), count: fc.integer({ min: 1, max: 30 }) }),
      fc.record({ do: fc.constant('apply' as const), count: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ do: fc.constant('readHome' as const), count: fc.constant(0) }),
      fc.record({ do: fc.constant('askRegional' as const), count: fc.constant(0) }),
      fc.record({ do: fc.constant('answerRegional' as const), count: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 800 }), (steps) => {
        const t = new PartitionTracker();
        const writtenAt: number[] = [];
        const regionalEndOf: number[] = [];
        let nowMs = 0;
        let mirrored = 0;
        let regionalEnd = 0;
        let applied = 0;
        let asked: { atMs: number; end: number; next: number } | undefined;
        t.mirrorAt(home(0));
        t.applyAt(regional(0));
        for (const { do: what, count } of steps) {
          nowMs += 100;
          if (what === 'write') for (let n = 0; n < count; n++) writtenAt.push(nowMs);
          if (what === 'mirror') {
            const upTo = Math.min(writtenAt.length, mirrored + count);
            for (; mirrored < upTo; mirrored++) regionalEndOf.push(++regionalEnd);
            regionalEnd++; // the transaction's marker
            t.mirrorAt(home(mirrored));
          }
          if (what === 'apply') {
            applied = Math.min(regionalEnd, applied + count);
            t.applyAt(regional(applied));
          }
          if (what === 'readHome') t.homeEnds(nowMs, ends(writtenAt.length), home(mirrored));
          if (what === 'askRegional') {
            t.beforeRegionalRead(home(mirrored));
            asked = { atMs: nowMs, end: regionalEnd, next: applied };
          }
          if (what === 'answerRegional' && asked !== undefined) {
            t.regionalEnds(asked.atMs, ends(asked.end), regional(asked.next));
            asked = undefined;
          }
          t.applyAt(regional(applied));
          expect(t.held).toBeLessThanOrEqual(3 * MAX_READINGS);
          const seconds = t.lag(nowMs, true).total?.seconds ?? null;
          if (seconds === null) continue;
          expect(seconds).toBeGreaterThanOrEqual(0);
          // Everything written by the time the lag points at must be applied.
          const asOfMs = nowMs - seconds * 1_000;
          for (let n = 0; n < writtenAt.length && writtenAt[n]! < asOfMs - 1e-6; n++) {
            expect(regionalEndOf[n]).toBeDefined();
            expect(regionalEndOf[n]!).toBeLessThanOrEqual(applied);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

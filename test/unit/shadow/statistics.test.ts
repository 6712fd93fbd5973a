import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalOf, decimalText, roundDecimal } from '../../../src/shadow/decimal.ts';
import { judged } from '../../../src/shadow/judge.ts';
import { LagSamples } from '../../../src/shadow/lag-samples.ts';
import { Latencies } from '../../../src/shadow/latencies.ts';
import { RouteNoise } from '../../../src/shadow/noise.ts';
import { RouteStatistics, scoreOf } from '../../../src/shadow/route-statistics.ts';
import { wilsonLowerBound } from '../../../src/shadow/wilson.ts';

const thresholds = { minSamples: 20, relative: 0.2, absolute: 0.0003 };
const path = '$.at';

/** A route whose place differs in so many of 100 answers of either kind. */
function measured(raw: number, noise: number, samples = 100): RouteNoise {
  const route = new RouteNoise(thresholds);
  for (let at = 0; at < samples; at += 1) {
    route.compared(at < raw ? [path] : []);
    route.probed(at < noise ? [path] : []);
  }
  return route;
}

describe('noise', () => {
  it.each([
    ['never differed', 0, 0, 'real'],
    ['differs, and the primary never from itself', 1, 0, 'real'],
    ['the primary differs from itself as often', 40, 40, 'noise'],
    ['the primary differs from itself a little less often', 45, 40, 'noise'],
    ['clearly above noise', 90, 40, 'real'],
    ['always differs, and always did', 100, 100, 'noise'],
    ['the primary differs from itself more often', 10, 40, 'noise'],
  ] as const)('a place that %s', (_name, raw, noise, standing) => {
    expect(measured(raw, noise).standing(path)).toBe(standing);
  });

  it('is not known before enough answers, and then not called noise', () => {
    expect(measured(5, 5, 19).standing(path)).toBe('unknown');
    expect(measured(5, 5, 20).standing(path)).toBe('noise');
    expect(measured(5, 0, 1).standing(path)).toBe('real');
  });

  it('fades: a place that was noise and is no longer is seen again', () => {
    const route = measured(100, 100);
    for (let at = 0; at < 60_000; at += 1) {
      route.probed([]);
      route.compared([path]);
    }
    expect(route.standing(path)).toBe('real');
    expect(route.samples.noise).toBeLessThan(20_000);
  });

  it('remembers no more places than it may, and none of the rest is noise', () => {
    const route = new RouteNoise(thresholds);
    for (let at = 0; at < 1_000; at += 1) route.probed([`$.k${at}`, path]);
    expect([route.standing(path), route.standing('$.k1'), route.standing('$.k999')]).toEqual(['noise', 'noise', 'real']);
  });

  it('is what differences are judged by: all of them noise, some of them unknown, one of them real', () => {
    const at = (name: string) => ({ path: name, place: name, kind: 'value' as const, primary: null, region: null });
    const standing = (name: string) => (name.startsWith('n') ? 'noise' : name.startsWith('u') ? 'unknown' : 'real');
    const judge = (names: readonly string[], more = false) => {
      const judgement = judged({ kind: 'compared', differences: names.map(at), more }, { standing });
      return judgement.kind === 'differs' ? `differs ${judgement.sure}` : judgement.kind;
    };
    expect([judge([]), judge(['n1', 'n2']), judge(['n1', 'u1']), judge(['n1', 'u1', 'r1'])]).toEqual([
      'same',
      'noise',
      'differs false',
      'differs true',
    ]);
    expect(judge(['n1'], true)).toBe('differs false');
    expect(judged({ kind: 'not_compared', reason: 'too_large' }, { standing })).toEqual({ kind: 'not_compared', reason: 'too_large' });
  });
});

describe('scores', () => {
  it('bounds the ratio from below by the number of samples', () => {
    expect(wilsonLowerBound(0, 0)).toBeUndefined();
    expect(wilsonLowerBound(10, 10)).toBeCloseTo(0.7225, 4);
    expect(wilsonLowerBound(1_000, 1_000)).toBeCloseTo(0.9962, 4);
    expect(wilsonLowerBound(95, 100)).toBeCloseTo(0.8882, 4);
    expect(wilsonLowerBound(0, 10)).toBe(0);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.double({ min: 0, max: 1, noNaN: true }), (samples, part) => {
        const successes = Math.floor(samples * part);
        const bound = wilsonLowerBound(successes, samples)!;
        expect(bound).toBeGreaterThanOrEqual(0);
        expect(bound).toBeLessThanOrEqual(successes / samples);
      }),
    );
  });

  it('counts what is unsettled or unanswered by the region against the ratio, and errors of the primary not at all', () => {
    const counts = { match: 5, mismatch: 1, noise: 2, lag: 1, unsettled: 1, error: 3, shed: 4, skipped: 5, region_error: 2 };
    expect(scoreOf(counts)).toMatchObject({ samples: 9, ratio: 8 / 12, lowerBound: wilsonLowerBound(8, 12) });
  });

  it('looks back as many hours as it is told, and forgets the rest', () => {
    const hour = 3_600_000;
    const route = new RouteStatistics('GET /', thresholds);
    for (let at = 0; at < 50; at += 1) {
      route.count('match', at * hour, 3);
      route.takeChanges();
    }
    expect(route.counts(49 * hour + 1, 3).match).toBe(3);
    expect(route.counts(49 * hour + 1, 1_000).match).toBeLessThanOrEqual(5);
  });

  it('keeps the heaviest places, and a confirmed one before any other', () => {
    const route = new RouteStatistics('GET /', thresholds);
    const field = { kind: 'value', weight: 0.001, lastSeenMs: 1, example: null } as const;
    expect(route.differed({ ...field, path: '$.wrong', result: 'mismatch' })).toBe(true);
    for (let at = 0; at < 500; at += 1) route.differed({ ...field, path: `$.p${at}`, result: 'unsettled', weight: 1 });
    expect(route.differed({ ...field, path: '$.wrong', result: 'mismatch' })).toBe(false);
    const { fields } = route.view(0, 1);
    expect(route.takeChanges().fields).toHaveLength(100);
    expect(fields).toHaveLength(20);
    expect(fields[0]).toMatchObject({ path: '$.wrong', count: 2, weight: 0.002 });
    route.forgetBefore(2);
    expect(route.view(0, 1).fields).toEqual([]);
  });

  it('hands examples over with what changed, and takes them back when they could not be kept', () => {
    const route = new RouteStatistics('GET /', thresholds);
    const example = { method: 'GET', target: '/', place: '$.a', primary: '1', region: '2' };
    const field = { path: '$.a', kind: 'value', result: 'mismatch', weight: 1, lastSeenMs: 1 } as const;
    route.differed({ ...field, example });
    const changes = route.takeChanges();
    expect(changes.fields).toMatchObject([{ count: 1, example }]);
    route.putBack(changes);
    expect(route.takeChanges().fields).toMatchObject([{ count: 1, example }]);
    route.differed({ ...field, example: null });
    expect(route.takeChanges().fields).toMatchObject([{ count: 2, example: null }]);
    expect(route.takeChanges().fields).toEqual([]);
  });

  it('tells percentiles of latency and lag in bounded memory', () => {
    const latencies = new Latencies();
    expect(latencies.view()).toBeNull();
    for (let at = 0; at < 200_000; at += 1) latencies.add(at % 100 === 0 ? 900 : 4);
    expect(latencies.view()).toEqual({ p50Ms: 5, p99Ms: 5 });
    for (let at = 0; at < 200_000; at += 1) latencies.add(at % 50 === 0 ? 900 : 4);
    expect(latencies.view()).toEqual({ p50Ms: 5, p99Ms: 1_000 });
    const lag = new LagSamples();
    expect(lag.p99Ms).toBeUndefined();
    for (let at = 0; at < 5_000; at += 1) lag.add(at < 4_000 ? 60_000 : at % 100);
    expect(lag.p99Ms).toBe(99);
  });
});

describe('decimals', () => {
  it('are equal for every way to write one value, and only then', () => {
    const small = fc.tuple(fc.integer(), fc.integer({ min: -20, max: 20 }));
    fc.assert(
      fc.property(small, small, ([left, leftPower], [right, rightPower]) => {
        const value = (digits: number, power: number): bigint => BigInt(digits) * 10n ** BigInt(power + 20);
        const same = decimalText(decimalOf(`${left}e${leftPower}`)) === decimalText(decimalOf(`${right}e${rightPower}`));
        expect(same).toBe(value(left, leftPower) === value(right, rightPower));
      }),
      { numRuns: 1_000 },
    );
    for (const text of ['120', '120.0', '1.2e2', '12e1', '0.0120e4', '1200E-1']) expect(decimalText(decimalOf(text))).toBe('0.12e3');
    for (const text of ['0', '-0', '0.00', '0e5']) expect(decimalText(decimalOf(text))).toBe('0');
  });

  it('are rounded half away from zero', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e9, max: 1e9 }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 8 }),
        (digits, shift, places) => {
          const step = 10n ** BigInt(Math.max(0, shift - places));
          const size = BigInt(Math.abs(digits));
          const rounded = ((size + step / 2n) / step) * step * (digits < 0 ? -1n : 1n);
          expect(decimalText(roundDecimal(decimalOf(`${digits}e-${shift}`), places))).toBe(decimalText(decimalOf(`${rounded}e-${shift}`)));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

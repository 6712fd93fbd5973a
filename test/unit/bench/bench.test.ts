import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { line, median } from '../../../scripts/bench/line.ts';
import { benchOptions } from '../../../scripts/bench/options.ts';
import { steady } from '../../../scripts/bench/samples.ts';
import { currentPage } from '../../../scripts/bench/write-page.ts';
import { repositoryRoot } from '../../rig/paths.ts';

describe('a bench', () => {
  it('takes the median of its runs', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow();
  });

  it('compares medians with the goal, upwards and downwards', () => {
    const rate = { case: 'large', unit: 'records/s' };
    const faster = line('mirror', rate, [500, 510, 90], [100, 99, 400], { target: 'P1', kind: 'at_least', ratio: 5 });
    expect(faster).toMatchObject({ ours: 500, peer: 100, ratio: 5, met: true, goal: '>= 5' });
    const dearer = line('mirror', { case: 'large', unit: 'cpu_us/record' }, [2], [10], { target: 'P2', kind: 'at_most', ratio: 1 / 6 });
    expect(dearer).toMatchObject({ ratio: 0.2, met: false });
    expect(line('idle', rate, [0.5], undefined, { target: 'P10', kind: 'at_most', ratio: 1 })).toMatchObject({
      peer: null,
      ratio: 0.5,
      met: true,
    });
  });

  it('measures from 25 % to 95 % of the records', () => {
    const samples = [0, 25, 60, 95, 100].map((records, i) => ({ records, atSeconds: i, cpuSeconds: i / 10 }));
    const { recordsPerSecond, cpuMicrosPerRecord, steadySeconds } = steady(samples, 100);
    expect([recordsPerSecond, steadySeconds]).toEqual([35, 2]);
    expect(cpuMicrosPerRecord).toBeCloseTo((0.2 * 1e6) / 70);
    expect(() => steady(samples.slice(0, 2), 100)).toThrow('too few samples');
  });

  it('refuses what it does not know', () => {
    expect(benchOptions(['mirror', '--records', '1_000'])).toMatchObject({ bench: 'mirror', records: 1000, runs: 3 });
    expect(benchOptions(['latency', '--runs', '3'])).toMatchObject({ runs: 1 });
    for (const args of [[], ['fast'], ['mirror', 'apply'], ['mirror', '--records', '0'], ['mirror', '--sideways']]) {
      expect(() => benchOptions(args)).toThrow();
    }
  });

  it('has its page made from its results', () => {
    expect(readFileSync(join(repositoryRoot, 'docs/benchmarks.md'), 'utf8')).toBe(currentPage());
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planned } from '../../../scripts/bench/all.ts';
import { line, median } from '../../../scripts/bench/line.ts';
import { allOptions, benches, benchOptions } from '../../../scripts/bench/options.ts';
import type { BenchResult } from '../../../scripts/bench/page.ts';
import { steady } from '../../../scripts/bench/samples.ts';
import { verdictTable } from '../../../scripts/bench/verdicts.ts';
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
    const samples = [0, 25, 60, 95, 100].map((records, i) => ({ records, atSeconds: i, cpuSeconds: i / 10, rssBytes: 0 }));
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

  it('all of them: in order, each with its full size, or a tenth of it', () => {
    const nothing = () => undefined;
    expect(planned(allOptions([]), 'c', nothing).map(({ bench }) => bench)).toEqual(benches);
    const [apply, memory, idle] = planned(allOptions(['--only', 'idle,apply,memory', '--keep']), 'c', nothing);
    expect(apply!.args).toEqual(['apply', '--records', '600000', '--runs', '3', '--keep']);
    expect(memory!.args).toEqual(['memory', '--records', '10000000', '--runs', '1', '--keep']);
    expect(idle!.args).toEqual(['idle', '--runs', '1', '--keep']);
    const [quick, compare] = planned(allOptions(['--only', 'memory,compare', '--quick']), 'c', nothing);
    expect(quick!.args).toEqual(['memory', '--records', '1000000', '--runs', '1']);
    expect(compare!.args).toEqual(['compare', '--records', '20000', '--runs', '1']);
    for (const args of [['--only', 'fast'], ['--quick', '--keep'], ['--runs', '0'], ['apply']]) expect(() => allOptions(args)).toThrow();
  });

  it('all of them: goes on where it was interrupted, on the same commit and at the same size only', () => {
    const kept = { commit: 'c', changed: false, records: 600_000, runs: 3 };
    const isDone = (args: readonly string[], commit: string, found: object) =>
      planned(allOptions(['--only', 'apply', ...args]), commit, () => found)[0]!.done;
    expect(isDone(['--keep'], 'c', kept)).toBe(true);
    expect(isDone(['--keep', '--again'], 'c', kept)).toBe(false);
    expect(isDone([], 'c', kept)).toBe(false);
    expect(isDone(['--keep'], 'd', kept)).toBe(false);
    expect(isDone(['--keep', '--runs', '5'], 'c', kept)).toBe(false);
    expect(isDone(['--keep'], 'c', { ...kept, changed: true })).toBe(false);
    expect(isDone(['--keep'], 'c', { ...kept, records: 10 })).toBe(false);
  });

  it('calls a target met only where all of its cases are', () => {
    const goal = { target: 'P8', kind: 'at_most', ratio: 50 } as const;
    const lines = [40, 60].map((ms) => line('latency', { case: `${ms}`, unit: 'ms' }, [ms], undefined, goal));
    const result = { bench: 'latency', at: '2026-01-02T00:00:00Z', records: 6_000, lines } as unknown as BenchResult;
    expect(verdictTable([result])).toContain(
      '| **missed** | 40: 40 (≤ 50)<br>**60: 60 (≤ 50)** | latency, 2026-01-02, 6,000 of 60,000 records |',
    );
    expect(verdictTable([{ ...result, lines: lines.slice(0, 1) }])).toMatch(/^\| P8 \| .* \| met \|/m);
    expect(verdictTable([])).toMatch(/^\| P14 \| .* \| not measured \|/m);
  });

  it('has its page made from its results', () => {
    expect(readFileSync(join(repositoryRoot, 'docs/benchmarks.md'), 'utf8')).toBe(currentPage());
  });
});

import { parseArgs } from 'node:util';
import type { BenchLine } from './line.ts';
import type { Plot } from './plot.ts';

export const benches = ['mirror', 'apply', 'path', 'latency', 'memory', 'idle', 'restart', 'audit', 'compare', 'shadow'] as const;
export type BenchName = (typeof benches)[number];

export const usage = `usage: npm run bench -- ${benches.join('|')} [--records N] [--runs N] [--case NAME] [--keep]
  --records  records a run; default: what the targets name
  --runs     alternated runs of which the median counts; default 3; path, latency, memory and idle measure once
  --case     one case only, such as large, 16k, zstd, row-wise
  --keep     write docs/results/BENCH.json, from which docs/benchmarks.md is made`;

/** What a bench is given. */
export interface BenchRun {
  readonly records: number;
  readonly runs: number;
  readonly only: string | undefined;
  /** Progress, for people. */
  readonly say: (text: string) => void;
  readonly emit: (line: BenchLine) => void;
  /** A plot that is kept beside the result. */
  readonly plot: (name: string, plot: Plot) => void;
}

export interface BenchOptions {
  readonly bench: BenchName;
  readonly records: number;
  readonly runs: number;
  readonly only: string | undefined;
  readonly keep: boolean;
}

const defaultRecords: Readonly<Record<BenchName, number>> = {
  mirror: 2_500_000,
  apply: 600_000,
  path: 5_000_000,
  latency: 60_000,
  memory: 10_000_000,
  idle: 0,
  restart: 10_000_000,
  audit: 10_000_000,
  compare: 20_000,
  shadow: 10_000,
};

/** These do not repeat themselves yet: their results must not claim more runs than there were. */
const measuredOnce: ReadonlySet<BenchName> = new Set(['path', 'latency', 'memory', 'idle']);

const wholeNumber = (text: string, option: string): number => {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${option} takes a whole number above 0, not ${text}`);
  return value;
};

/** Throws an Error with what to do about it. */
export function benchOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { records: { type: 'string' }, runs: { type: 'string' }, case: { type: 'string' }, keep: { type: 'boolean' } },
  });
  const bench = benches.find((name) => name === positionals[0]);
  if (bench === undefined || positionals.length > 1) throw new Error('name one bench');
  return {
    bench,
    records: values.records === undefined ? defaultRecords[bench] : wholeNumber(values.records, 'records'),
    runs: measuredOnce.has(bench) ? 1 : values.runs === undefined ? 3 : wholeNumber(values.runs, 'runs'),
    only: values.case,
    keep: values.keep ?? false,
  };
}

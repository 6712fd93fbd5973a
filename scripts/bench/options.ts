import { parseArgs } from 'node:util';
import type { BenchLine } from './line.ts';
import type { Plot } from './plot.ts';

export const benches = [
  'mirror',
  'apply',
  'path',
  'latency',
  'memory',
  'idle',
  'restart',
  'audit',
  'compare',
  'shadow',
  'beside',
  'scaling',
] as const;
export type BenchName = (typeof benches)[number];

export const usage = `usage: npm run bench -- ${benches.join('|')} [--records N] [--runs N] [--case NAME] [--keep]
       npm run bench -- all [--only BENCH,BENCH] [--quick] [--runs N] [--keep] [--again]
  --records  records a run; default: what the targets name
  --runs     alternated runs of which the median counts; default 3; path, latency, memory, idle, scaling and beside measure once
  --case     one case only, such as large, 16k, zstd, row-wise
  --keep     write docs/results/BENCH.json, from which docs/benchmarks.md is made; all writes that page too
  --only     of all benches these
  --quick    a tenth of the records and one run: whether everything works, no figures to keep
  --again    also what docs/results has of this commit in full; without it all goes on where it was interrupted`;

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

/** Every bench, or those that were named. */
export interface AllOptions {
  readonly benches: readonly BenchName[];
  readonly quick: boolean;
  readonly runs: number | undefined;
  readonly keep: boolean;
  readonly again: boolean;
}

export const defaultRecords: Readonly<Record<BenchName, number>> = {
  // Over 2.5 million the region's broker still compiled: 0.6 to 0.8 s of its CPU in the 1.4 s that were measured, a fifth of the machine.
  mirror: 10_000_000,
  apply: 600_000,
  path: 5_000_000,
  latency: 60_000,
  memory: 10_000_000,
  idle: 0,
  restart: 10_000_000,
  audit: 10_000_000,
  compare: 20_000,
  shadow: 10_000,
  beside: 1_200_000,
  scaling: 600_000,
};

/** These do not repeat themselves yet: their results must not claim more runs than there were. */
const measuredOnce: ReadonlySet<BenchName> = new Set(['path', 'latency', 'memory', 'idle', 'beside', 'scaling']);

export const runsOf = (bench: BenchName, runs: number | undefined): number => (measuredOnce.has(bench) ? 1 : (runs ?? 3));

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
    runs: runsOf(bench, values.runs === undefined ? undefined : wholeNumber(values.runs, 'runs')),
    only: values.case,
    keep: values.keep ?? false,
  };
}

/** As `benchOptions`, of what follows `all`. */
export function allOptions(args: readonly string[]): AllOptions {
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { only: { type: 'string' }, runs: { type: 'string' }, quick: flag, keep: flag, again: flag },
  });
  const named = values.only?.split(',') ?? benches;
  const unknown = named.filter((name) => !benches.some((bench) => bench === name));
  if (unknown.length > 0) throw new Error(`no bench is named ${unknown.join(', ')}`);
  if (values.quick && values.keep) throw new Error('--quick gives no figures to keep');
  return {
    benches: benches.filter((bench) => named.includes(bench)),
    quick: values.quick,
    runs: values.runs === undefined ? undefined : wholeNumber(values.runs, 'runs'),
    keep: values.keep,
    again: values.again,
  };
}

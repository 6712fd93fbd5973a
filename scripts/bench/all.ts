import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../test/rig/paths.ts';
import { type AllOptions, type BenchName, defaultRecords, runsOf } from './options.ts';
import type { BenchResult } from './page.ts';
import { currentPage } from './write-page.ts';

const QUICK_SHARE = 0.1;
/** Below that a steady window holds too few looks. */
const LEAST_RECORDS = 100_000;

export interface PlannedBench {
  readonly bench: BenchName;
  readonly args: readonly string[];
  /** Measured at this commit in full, by a run that was interrupted later. */
  readonly done: boolean;
}

/** What is to be run, in order; `kept` answers what docs/results has of a bench. */
export function planned(
  { benches, quick, runs, keep, again }: AllOptions,
  commit: string,
  kept: (bench: BenchName) => Partial<BenchResult> | undefined,
): readonly PlannedBench[] {
  return benches.map((bench) => {
    const full = defaultRecords[bench];
    const records = quick ? Math.min(full, Math.max(LEAST_RECORDS, Math.round(full * QUICK_SHARE))) : full;
    const times = quick ? 1 : runsOf(bench, runs);
    const found = kept(bench);
    const isSame = found?.commit === commit && found.changed === false && found.records === records && found.runs === times;
    return {
      bench,
      args: [bench, ...(records === 0 ? [] : ['--records', String(records)]), '--runs', String(times), ...(keep ? ['--keep'] : [])],
      done: keep && !again && isSame,
    };
  });
}

/** Each bench in a process of its own, one after another: one that fails does not take the others along. 0 when all were measured. */
export async function benchAll(options: AllOptions): Promise<number> {
  const commit = execFileSync('git', ['-C', repositoryRoot, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  const failed: BenchName[] = [];
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  for (const { bench, args, done } of planned(options, commit, keptResult)) {
    if (done) {
      say(`${bench}: measured at this commit; --again measures it once more`);
      continue;
    }
    say(`${bench}: npm run bench -- ${args.join(' ')}`);
    const startedMs = performance.now();
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { stdio: 'inherit' });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) failed.push(bench);
    say(`${bench}: ${code === 0 ? 'measured' : 'failed'} in ${Math.round((performance.now() - startedMs) / 1000)} s`);
  }
  if (options.keep) writeFileSync(join(repositoryRoot, 'docs/benchmarks.md'), currentPage());
  if (failed.length > 0) say(`not measured: ${failed.join(', ')}; the same command goes on with them`);
  return failed.length === 0 ? 0 : 1;
}

function keptResult(bench: BenchName): Partial<BenchResult> | undefined {
  try {
    return JSON.parse(readFileSync(join(repositoryRoot, 'docs/results', `${bench}.json`), 'utf8')) as Partial<BenchResult>;
  } catch {
    return undefined;
  }
}

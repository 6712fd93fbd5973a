/**
 * Format, lint, types, what nothing uses, and the tests of the given vitest arguments (none: all projects, and the fault trials). Ends with the one line
 * `N passed, N failed[, N skipped]`, whose numbers are vitest's own plus one a static check and one a trial; exits 1 when anything failed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { lanes } from '../test/faults/trials.ts';
import { repositoryRoot, stateDirectory } from '../test/rig/paths.ts';
import { closingLine, countTests, countTrials, type Tally, type VitestReport } from '../test/rig/tally.ts';

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

function runTool(tool: string, args: readonly string[]): number {
  const { status, error } = spawnSync(process.execPath, [join(repositoryRoot, 'node_modules', '.bin', tool), ...args], {
    cwd: repositoryRoot,
    stdio: 'inherit',
  });
  if (error !== undefined) throw error;
  return status ?? 1;
}

function staticCheck(name: string, tool: string, args: readonly string[]): Tally {
  const passed = runTool(tool, args) === 0;
  say(`${passed ? 'ok' : 'FAILED'}: ${name}`);
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: [] };
}

let reports = 0;

async function vitest(args: readonly string[]): Promise<Tally> {
  const file = join(stateDirectory, `vitest-${process.pid}-${++reports}.json`);
  mkdirSync(stateDirectory, { recursive: true });
  rmSync(file, { force: true });
  const tool = join(repositoryRoot, 'node_modules', '.bin', 'vitest');
  const child = spawn(process.execPath, [tool, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args], {
    cwd: repositoryRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [status] = (await once(child, 'exit')) as [number | null];
  let report: VitestReport | undefined;
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  } catch {
    say('vitest left no report: it crashed');
  }
  rmSync(file, { force: true });
  return countTests(report, status ?? 1);
}

/** One lane of the fault trials in their short form; their lines go on to the output as they come. */
async function trials(lane: number): Promise<Tally> {
  const child = spawn(process.execPath, [join(repositoryRoot, 'test/faults/main.ts'), '--lane', String(lane)], {
    cwd: repositoryRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
      process[stream].write(text);
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return countTrials(said.stdout, status ?? 1, said.stderr);
}

/**
 * Two at a time, each with servers of its own: a test waits for them half of its time, and one after the other they took an hour of two cores.
 * A half that ends first goes on with its trials, so that the other's last minutes are not spent on one core.
 */
async function everything(): Promise<readonly Tally[]> {
  const halves: readonly (readonly string[])[] = [
    ['--project', '!scenario'],
    ['--project', 'scenario'],
  ];
  if (lanes.length !== halves.length) throw new Error(`${lanes.length} lanes of trials go after ${halves.length} halves of the tests`);
  const sides = halves.map(async (projects, side) => [await vitest(projects), await trials(side + 1)]);
  return (await Promise.all(sides)).flat();
}

const chosen = process.argv.slice(2);
const tallies = [
  staticCheck('format and lint', 'biome', ['ci', '.']),
  staticCheck('types', 'tsc', ['-p', '.']),
  staticCheck('nothing unused', 'knip', []),
  // A choice of tests is one of vitest's: the trials are no part of it.
  ...(chosen.length === 0 ? await everything() : [await vitest(chosen)]),
];
for (const title of tallies.flatMap((tally) => tally.skipped)) say(`skipped: ${title}`);
say(closingLine(tallies));
if (tallies.some((tally) => tally.failed > 0)) process.exitCode = 1;

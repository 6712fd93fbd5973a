import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { kafkaVersion, repositoryRoot } from '../../test/rig/paths.ts';
import { benchAll } from './all.ts';
import { benchApply } from './apply.ts';
import { benchAudit } from './audit.ts';
import { benchBeside } from './beside.ts';
import { benchCompare } from './compare.ts';
import { benchLatency } from './latency.ts';
import type { BenchLine } from './line.ts';
import { benchMirror } from './mirror.ts';
import { type AllOptions, allOptions, type BenchName, type BenchOptions, type BenchRun, benchOptions, usage } from './options.ts';
import { benchPath } from './path.ts';
import { type Plot, svgOf } from './plot.ts';
import { benchIdle, benchMemory, benchRestart } from './resources.ts';
import { benchScaling } from './scaling.ts';
import { benchShadow } from './shadow.ts';

const runners: Readonly<Record<BenchName, (run: BenchRun) => Promise<void>>> = {
  mirror: benchMirror,
  apply: benchApply,
  path: benchPath,
  latency: benchLatency,
  memory: benchMemory,
  idle: benchIdle,
  restart: benchRestart,
  audit: benchAudit,
  compare: benchCompare,
  shadow: benchShadow,
  beside: benchBeside,
  scaling: benchScaling,
};

/** What figures depend on besides the code. */
function surroundings({ bench, records, runs }: BenchOptions) {
  const git = (...args: string[]) => execFileSync('git', ['-C', repositoryRoot, ...args], { encoding: 'utf8' }).trim();
  const { version } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as { version: string };
  const [core] = cpus();
  return {
    bench,
    records,
    runs,
    commit: git('rev-parse', 'HEAD'),
    changed: git('status', '--porcelain', '--', 'src').length > 0,
    versions: { farshore: version, node: process.version, kafka: kafkaVersion },
    machine: { cores: cpus().length, model: core?.model.trim(), memoryGiB: Math.round(totalmem() / 2 ** 30), linux: release() },
    at: new Date().toISOString(),
  };
}

async function main(): Promise<number> {
  let options: BenchOptions | AllOptions;
  const [name, ...others] = process.argv.slice(2);
  try {
    options = name === 'all' ? allOptions(others) : benchOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
    return 2;
  }
  return 'bench' in options ? await one(options) : await benchAll(options);
}

async function one(options: BenchOptions): Promise<number> {
  const facts = surroundings(options);
  const lines: BenchLine[] = [];
  const emit = (one: BenchLine): void => {
    lines.push(one);
    process.stdout.write(`${JSON.stringify({ ...one, records: options.records, runs: options.runs, versions: facts.versions })}\n`);
  };
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const folder = join(repositoryRoot, 'docs/results');
  const plot = (name: string, drawn: Plot): void => {
    if (!options.keep) return;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.svg`), svgOf(drawn));
  };
  await runners[options.bench]({ records: options.records, runs: options.runs, only: options.only, say, emit, plot });
  if (options.keep) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${options.bench}.json`), `${JSON.stringify({ ...facts, lines }, undefined, 2)}\n`);
  }
  return 0;
}

process.exitCode = await main();

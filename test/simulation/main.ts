import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';
import { simulations } from './simulations.ts';

const FULL_RUNS = 100_000;
const names = simulations.map(({ name }) => name);
const usage = `usage: npm run test:simulation -- [--full] [--only ${names.join(',')}] [--seed N] [--histories N] [--path PATH]
  --full  ${FULL_RUNS.toLocaleString('en')} histories each; else as many as fit a few seconds
  --path  one history of a seed, as a failure names it; with --only and --seed`;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** One JSON line a simulation; exits 0 where all that were asked for pass, 1 where one fails, 2 for what it does not know. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      full: { type: 'boolean' },
      only: { type: 'string' },
      seed: { type: 'string' },
      path: { type: 'string' },
      histories: { type: 'string' },
    },
  });
  const chosen = values.only?.split(',') ?? names;
  const seed = Number(values.seed ?? 1);
  const unknown = chosen.filter((name) => !names.includes(name));
  if (unknown.length > 0 || !Number.isSafeInteger(seed)) {
    say(`unknown: ${unknown.length > 0 ? unknown.join(', ') : `seed ${values.seed}`}\n${usage}`);
    return 2;
  }
  let failed = 0;
  for (const simulation of simulations) {
    if (!chosen.includes(simulation.name)) continue;
    const runs = values.full ? FULL_RUNS : Number(values.histories ?? simulation.shortRuns);
    const { failure, ...outcome } = await simulate(simulation, { seed, runs, path: values.path });
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
    if (failure === undefined) continue;
    failed++;
    say(`${simulation.name}: ${failure}`);
  }
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  say(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  return 2;
});

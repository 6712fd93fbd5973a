import { setTimeout as delay } from 'node:timers/promises';
import { inspect, parseArgs } from 'node:util';
import { passes, type Trial, TrialSkipped } from './trial.ts';
import { lanes, trials } from './trials.ts';
import { keptVerdicts, type Verdict } from './verdicts.ts';

const usage = `usage: npm run test:faults -- [--full] [--only ${Object.keys(trials).join(',')}] [--lane 1..${lanes.length}] [--seed N]
FARSHORE_TRIAL_LOGS=<folder> keeps what daemons and brokers of the trials with one region, and of moves, wrote.`;

/** A trial that hangs fails by itself, and those after it are still judged. The slowest took 325 s in short, on a busy machine, and 100 min in full. */
const LIMIT_MINUTES = { short: 15, full: 180 } as const;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Undefined when it was skipped. */
async function judged(name: string, trial: Trial, seed: number, full: boolean): Promise<Verdict | undefined> {
  const startedMs = performance.now();
  const seconds = () => Number(((performance.now() - startedMs) / 1000).toFixed(1));
  const limitMinutes = LIMIT_MINUTES[full ? 'full' : 'short'];
  const over = new AbortController();
  try {
    const result = await Promise.race([
      trial({ seed, full, say: (text) => say(`${name}: ${text}`) }),
      delay(limitMinutes * 60_000, undefined, { signal: over.signal }).then(() => {
        throw new Error(`did not end within ${limitMinutes} minutes`);
      }),
    ]);
    for (const [what, holds] of Object.entries(result.holds)) if (!holds) say(`${name}: does not hold: ${what}`);
    const { lost, duplicated, stale, cases } = result;
    return { trial: name, seed, full, lost, duplicated, stale, cases, verdict: passes(result) ? 'pass' : 'fail', seconds: seconds() };
  } catch (error) {
    if (error instanceof TrialSkipped) {
      say(`skipped: ${name} (${error.message})`);
      return undefined;
    }
    // With its causes: that something did not come says nothing of what was there instead.
    say(`${name}: ${inspect(error)}`);
    return { trial: name, seed, full, lost: 0, duplicated: 0, stale: 0, cases: 0, verdict: 'fail', seconds: seconds() };
  } finally {
    over.abort();
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { full: { type: 'boolean' }, only: { type: 'string' }, lane: { type: 'string' }, seed: { type: 'string' } },
  });
  const lane = values.lane === undefined ? Object.keys(trials) : (lanes[Number(values.lane) - 1] ?? [`lane ${values.lane}`]);
  const names = values.only === undefined ? lane : values.only.split(',');
  const seed = Number(values.seed ?? 1);
  const unknown = names.filter((name) => trials[name] === undefined);
  if (unknown.length > 0 || !Number.isSafeInteger(seed)) {
    say(`unknown: ${unknown.length > 0 ? unknown.join(', ') : `seed ${values.seed}`}\n${usage}`);
    return 2;
  }
  const full = values.full ?? false;
  const kept = keptVerdicts();
  let failed = 0;
  for (const name of names) {
    const before = full ? kept.find(name, seed) : undefined;
    const verdict = before ?? (await judged(name, trials[name]!, seed, full));
    if (verdict === undefined) {
      // Who names a trial wants its verdict.
      if (values.only !== undefined) failed++;
      continue;
    }
    if (full && before === undefined) kept.add(verdict);
    process.stdout.write(`${JSON.stringify(verdict)}\n`);
    if (verdict.verdict !== 'pass') failed++;
  }
  return failed === 0 ? 0 : 1;
}

const status = await main().catch((error: unknown) => {
  say(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  return 2;
});
// A trial that was given up still has timers and sockets, which would hold the process for ever.
process.exit(status);

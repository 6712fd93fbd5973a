import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { f1 } from './f1-kill.ts';
import { f2 } from './f2-zombie.ts';
import { f3 } from './f3-terminate.ts';
import { f4 } from './f4-servers.ts';
import { f5 } from './f5-links.ts';
import { f6 } from './f6-rewound.ts';
import { f7 } from './f7-lost-logs.ts';
import { f8 } from './f8-growth.ts';
import { f9 } from './f9-histories.ts';
import { f10 } from './f10-order.ts';
import { f11 } from './f11-poison.ts';
import { f12 } from './f12-systemic.ts';
import { f13 } from './f13-bombs.ts';
import { f14 } from './f14-audit.ts';
import { f15 } from './f15-cutover.ts';
import { f16 } from './f16-admin.ts';
import { f17 } from './f17-shadow.ts';
import { sharedKills, sharedZombies } from './shared-region.ts';
import { passes, type Trial, TrialSkipped } from './trial.ts';
import { keptVerdicts, type Verdict } from './verdicts.ts';

const trials: Readonly<Record<string, Trial>> = {
  ...{ F1: f1, F2: f2, F3: f3, F4: f4, F5: f5, F6: f6, F7: f7, F8: f8, F9: f9 },
  // F1 and F2 over three daemons that share a region.
  ...{ F1x3: sharedKills, F2x3: sharedZombies },
  ...{ F10: f10, F11: f11, F12: f12, F13: f13, F14: f14, F15: f15, F16: f16, F17: f17 },
};
const usage = `usage: npm run test:faults -- [--full] [--only ${Object.keys(trials).join(',')}] [--seed N]`;

/** A trial that hangs fails by itself, and those after it are still judged. The slowest took 131 s in short and 100 min in full. */
const LIMIT_MINUTES = { short: 8, full: 180 } as const;

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
    say(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return { trial: name, seed, full, lost: 0, duplicated: 0, stale: 0, cases: 0, verdict: 'fail', seconds: seconds() };
  } finally {
    over.abort();
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { full: { type: 'boolean' }, only: { type: 'string' }, seed: { type: 'string' } } });
  const names = values.only === undefined ? Object.keys(trials) : values.only.split(',');
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

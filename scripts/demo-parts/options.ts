import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** Run `records` through, kill the daemon on the way, compare, end with one JSON line. */
  readonly check: boolean;
  readonly records: number;
  /** Leave all running and write where it is to .farshore/demo.json. */
  readonly keep: boolean;
  readonly seed: number;
  /** What is wrong: one record in a hundred cannot be applied (poison), one number that the region's service answers (shadow), or rows of the region (divergence). */
  readonly broken: 'poison' | 'shadow' | 'divergence' | undefined;
  /** End what an earlier --keep left. */
  readonly stop: boolean;
}

export const usage = `Usage: ./scripts/demo [--check [--records N]] [--break poison|shadow|divergence] [--keep] [--seed N] | --stop

  (nothing)    two Kafkas, PostgreSQL, live traffic and the daemon until Ctrl-C
  --check      run N records through (default 20000), kill the daemon with SIGKILL three times on the way,
               compare every row of both databases; the last line of stdout is one JSON object
  --break poison
               one record in a hundred cannot be applied: shows what is kept, mends the cause, tries again;
               with --check it ends by itself, without kills
  --break shadow
               the region's service answers one number wrong, among answers that differ in ids, times and order, and rows
               that are still on their way: shows what is found of it; with --check it ends by itself
  --break divergence
               rows of the region are changed behind the daemon's back while traffic goes on: shows how the audit names and
               repairs them; goes with --check
  --keep       leave all running afterwards; .farshore/demo.json says where
  --stop       end what --keep left running
  --seed N     another history (default 1)`;

const LEAST_WITH_POISON = 12_000;

export function demoOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      check: { type: 'boolean', default: false },
      records: { type: 'string', default: '20000' },
      break: { type: 'string' },
      keep: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      stop: { type: 'boolean', default: false },
    },
  });
  const records = Number(values.records);
  const seed = Number(values.seed);
  if (!Number.isInteger(records) || records < 100)
    throw new TypeError(`--records wants a whole number of at least 100, not ${values.records}`);
  if (!Number.isInteger(seed)) throw new TypeError(`--seed wants a whole number, not ${values.seed}`);
  const { break: broken } = values;
  if (broken !== undefined && broken !== 'poison' && broken !== 'shadow' && broken !== 'divergence')
    throw new TypeError(`--break knows poison, shadow and divergence, not ${broken}`);
  if (broken === 'divergence' && !values.check)
    throw new TypeError('--break divergence goes with --check: rows are planted, found and repaired once');
  if (broken === 'shadow' && values.keep) throw new TypeError('--break shadow does not go with --keep: its services end with the demo');
  if (broken === 'poison' && values.check && records < LEAST_WITH_POISON)
    throw new TypeError(`--break poison --check wants --records of at least ${LEAST_WITH_POISON}, for a hundred that are poison`);
  return { check: values.check, records, broken, keep: values.keep, seed, stop: values.stop };
}

import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** Run `records` through, kill the daemon on the way, compare, end with one JSON line. */
  readonly check: boolean;
  readonly records: number;
  /** Leave all running and write where it is to .farshore/demo.json. */
  readonly keep: boolean;
  readonly seed: number;
  /** End what an earlier --keep left. */
  readonly stop: boolean;
}

export const usage = `Usage: ./scripts/demo [--check [--records N]] [--keep] [--seed N] | --stop

  (nothing)    two Kafkas, PostgreSQL, live traffic and the daemon until Ctrl-C
  --check      run N records through (default 20000), kill the daemon with SIGKILL three times on the way,
               compare every row of both databases; the last line of stdout is one JSON object
  --keep       leave all running afterwards; .farshore/demo.json says where
  --stop       end what --keep left running
  --seed N     another history (default 1)`;

export function demoOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      check: { type: 'boolean', default: false },
      records: { type: 'string', default: '20000' },
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
  return { check: values.check, records, keep: values.keep, seed, stop: values.stop };
}

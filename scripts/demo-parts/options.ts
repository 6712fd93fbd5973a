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
  /** The home moves to the region, back, and there for good. */
  readonly cutover: boolean;
  /** End what an earlier --keep left. */
  readonly stop: boolean;
}

export const usage = `Usage: ./scripts/demo [--cutover] [--check [--records N]] [--break poison|shadow|divergence] [--keep] [--seed N] | --stop

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
               repairs them; with --check it compares both databases and ends by itself
  --cutover    the home moves to the region and back, and then there for good, while an application writes on whichever side
               is home; ends by itself with one JSON object; --records N changes (default 2000) each time
  --keep       leave all running afterwards; .farshore/demo.json says where
  --stop       end what --keep left running
  --seed N     another history (default 1)`;

const LEAST_WITH_POISON = 12_000;

export function demoOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      check: { type: 'boolean', default: false },
      records: { type: 'string' },
      cutover: { type: 'boolean', default: false },
      break: { type: 'string' },
      keep: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      stop: { type: 'boolean', default: false },
    },
  });
  const records = Number(values.records ?? (values.cutover ? '2000' : '20000'));
  const seed = Number(values.seed);
  if (!Number.isInteger(records) || records < 100)
    throw new TypeError(`--records wants a whole number of at least 100, not ${values.records}`);
  if (!Number.isInteger(seed)) throw new TypeError(`--seed wants a whole number, not ${values.seed}`);
  const { break: broken } = values;
  if (broken !== undefined && broken !== 'poison' && broken !== 'shadow' && broken !== 'divergence')
    throw new TypeError(`--break knows poison, shadow and divergence, not ${broken}`);
  if (broken === 'shadow' && values.keep) throw new TypeError('--break shadow does not go with --keep: its services end with the demo');
  if (broken === 'poison' && values.check && records < LEAST_WITH_POISON)
    throw new TypeError(`--break poison --check wants --records of at least ${LEAST_WITH_POISON}, for a hundred that are poison`);
  if (values.cutover && (broken !== undefined || values.keep)) throw new TypeError('--cutover goes with neither --break nor --keep');
  return { check: values.check || values.cutover, cutover: values.cutover, records, broken, keep: values.keep, seed, stop: values.stop };
}

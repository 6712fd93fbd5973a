import { Command, InvalidArgumentError } from 'commander';
import type { CutoverLogEntry, CutoverPlan, CutoverVerb, UnmirroredRange } from '../model/cutover.ts';
import { logText, planText, tailText } from './cutover-text.ts';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import { type CliIo, UsageError } from './io.ts';
import { type OutputOptions, painter, withOutput, writeValue } from './output.ts';

interface ChangeOptions extends OutputOptions, DaemonOptions {
  readonly yesRegion?: string;
  readonly by?: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly primaryLost?: boolean;
  readonly acceptLoss?: boolean;
}

export function cutoverVerb(io: CliIo): Command {
  const cutover = new Command('cutover')
    .description('see whether the region may become the home, and why not; hold it back, move the home there and back')
    .addCommand(planVerb(io))
    .addCommand(logVerb(io))
    .addCommand(tailVerb(io))
    .addCommand(
      changing(io, 'hold', 'keep a cutover from being started until it is released').requiredOption(
        '--reason <text>',
        'why, for the others',
      ),
    )
    .addCommand(changing(io, 'release', 'end a hold'))
    .addCommand(
      changing(io, 'start', 'move the home to the region')
        .option('--primary-lost', 'the primary does not answer any more: neither freeze nor drain it')
        .option('--accept-loss', 'give up what a lost primary had beyond the region; needed with --primary-lost'),
    )
    .addCommand(changing(io, 'abort', 'go back, before the region is opened'))
    .addCommand(changing(io, 'revert', 'move the home back to the primary'))
    .addCommand(changing(io, 'complete', 'end the cutover: it cannot be reverted after that'));
  return cutover;
}

const planVerb = (io: CliIo): Command =>
  withOutput(
    withDaemon(
      new Command('plan').description('every gate and step, and what each verb would be refused with; changes nothing and runs no hook'),
    ),
  ).action(async (options: OutputOptions & DaemonOptions) => {
    const plan = (await daemonClient(io, options).get('/api/cutover')) as CutoverPlan;
    writeValue(io, options, plan, (value) => planText(value, painter(io.color)));
  });

const logVerb = (io: CliIo): Command =>
  withOutput(
    withDaemon(
      new Command('log')
        .description('every change of the cutover with the gates that allowed it, the newest first')
        .option('--limit <number>', 'how many at most', parseLimit, '100'),
    ),
  ).action(async (options: OutputOptions & DaemonOptions & { readonly limit: string }) => {
    const { log } = (await daemonClient(io, options).get('/api/cutover/log', { limit: options.limit })) as {
      readonly log: readonly CutoverLogEntry[];
    };
    writeValue(io, options, log, logText);
  });

const tailVerb = (io: CliIo): Command =>
  withOutput(
    withDaemon(
      new Command('tail').description(
        'what a primary that was given up has alone: offset ranges, and the command that exports the records of each',
      ),
    ),
  ).action(async (options: OutputOptions & DaemonOptions) => {
    const { tail } = (await daemonClient(io, options).get('/api/cutover/tail')) as { readonly tail: readonly UnmirroredRange[] };
    writeValue(io, options, tail, tailText);
  });

const changing = (io: CliIo, verb: CutoverVerb, description: string): Command =>
  withOutput(
    withDaemon(
      new Command(verb)
        .description(description)
        .option('--yes-region <name>', 'name of the region, instead of typing it')
        .option('--by <name>', `who asks (default: ${io.operator})`)
        .option('--dry-run', 'print the plan and what this would be refused with, and change nothing'),
    ),
  ).action(async (options: ChangeOptions) => {
    const client = daemonClient(io, options);
    if (options.dryRun === true) {
      const plan = (await client.get('/api/cutover')) as CutoverPlan;
      writeValue(io, options, plan, (value) => planText(value, painter(io.color)));
      return;
    }
    const region = options.yesRegion ?? (await typedRegion(io, verb));
    const { cutover } = (await client.post(`/api/cutover/${verb}`, {
      region,
      by: options.by ?? io.operator,
      ...(options.reason === undefined ? {} : { reason: options.reason }),
      ...(options.primaryLost === true ? { primaryLost: true } : {}),
      ...(options.acceptLoss === true ? { acceptLoss: true } : {}),
    })) as { readonly cutover: CutoverPlan };
    writeValue(io, options, cutover, (value) => planText(value, painter(io.color)));
  });

/** The name is not shown: whoever types it knows which region is meant. The daemon compares it. */
async function typedRegion(io: CliIo, verb: CutoverVerb): Promise<string> {
  if (io.prompt === undefined) throw new UsageError(`cutover ${verb} wants the name of the region: give --yes-region NAME`);
  const typed = (await io.prompt(`Type the name of the region to ${verb} its cutover: `)).trim();
  if (typed === '') throw new UsageError('no region was named');
  return typed;
}

function parseLimit(text: string): string {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Write a number from 1 to 9999.');
  return text;
}

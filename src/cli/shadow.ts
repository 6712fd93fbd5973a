import { Command, InvalidArgumentError, Option } from 'commander';
import { type ShadowDiff, type ShadowDiffResult, type ShadowView, shadowDiffResults } from '../model/shadow-view.ts';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import type { CliIo } from './io.ts';
import { type OutputOptions, withOutput, writeValue } from './output.ts';
import { replayVerb } from './shadow-replay.ts';
import { diffsText, shadowText } from './shadow-text.ts';

interface DiffsOptions extends OutputOptions, DaemonOptions {
  readonly route?: string;
  readonly result?: ShadowDiffResult;
  readonly limit: string;
}

export function shadowVerb(io: CliIo): Command {
  return new Command('shadow')
    .description('how the region answers users’ requests, beside the primary')
    .addCommand(statusVerb(io))
    .addCommand(diffsVerb(io))
    .addCommand(replayVerb(io));
}

const statusVerb = (io: CliIo): Command =>
  withOutput(withDaemon(new Command('status').description('match ratio of every route, and the places that differ'))).action(
    async (options: OutputOptions & DaemonOptions) => {
      writeValue(io, options, (await daemonClient(io, options).get('/api/shadow')) as ShadowView, shadowText);
    },
  );

const diffsVerb = (io: CliIo): Command =>
  withOutput(withDaemon(new Command('diffs').description('places that differ, each with its last example where samples are kept')))
    .option('--route <route>', 'only those of this route, as `status` shows it')
    .addOption(new Option('--result <result>', 'only those that came to this').choices(shadowDiffResults))
    .option('--limit <number>', 'how many at most', parseLimit, '20')
    .action(async ({ route, result, limit, ...options }: DiffsOptions) => {
      const query = { ...(route === undefined ? {} : { route }), ...(result === undefined ? {} : { result }), limit };
      const { diffs } = (await daemonClient(io, options).get('/api/shadow/diffs', query)) as { readonly diffs: readonly ShadowDiff[] };
      writeValue(io, options, diffs, diffsText);
    });

function parseLimit(text: string): string {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('Write a number from 1 to 999.');
  return text;
}

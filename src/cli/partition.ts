import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { parseTopicPartition } from '../model/partition.ts';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import type { CliIo } from './io.ts';
import { type OutputOptions, painter, withOutput, writeValue } from './output.ts';
import { actionsTable, partitionTable, stageRows } from './status-text.ts';

interface Target {
  readonly topic: string;
  readonly partition?: number;
}

interface ChangeOptions extends OutputOptions, DaemonOptions {
  readonly stage?: 'mirror' | 'apply';
  readonly by?: string;
}

interface ResumeOptions extends ChangeOptions {
  readonly from?: string;
  readonly acceptLoss?: true;
  readonly acceptRecreated?: true;
  readonly acceptRewind?: true;
}

export function partitionVerb(io: CliIo): Command {
  return new Command('partition')
    .description('see, pause and resume partitions')
    .addCommand(listVerb(io))
    .addCommand(logVerb(io))
    .addCommand(pauseVerb(io))
    .addCommand(resumeVerb(io));
}

const listVerb = (io: CliIo): Command =>
  withOutput(
    withDaemon(new Command('list').description('every partition by stage, and the command that resumes what stands still')),
  ).action(async (options: OutputOptions & DaemonOptions) => {
    const { partitions } = await daemonClient(io, options).status();
    writeValue(io, options, stageRows(partitions), (rows) => partitionTable(rows, painter(io.color)));
  });

const logVerb = (io: CliIo): Command =>
  withOutput(
    withDaemon(
      new Command('log')
        .description('who paused and resumed what, and which offsets were given up by it; the newest first')
        .addArgument(new Argument('[TOPIC[:N]]', 'only this topic, as named in the region, or one partition of it').argParser(parseTarget))
        .option('--limit <number>', 'how many at most', parseLimit, '100'),
    ),
  ).action(async (target: Target | undefined, options: OutputOptions & DaemonOptions & { readonly limit: string }) => {
    const { actions } = await daemonClient(io, options).actions({
      ...(target === undefined ? {} : { topic: target.topic }),
      ...(target?.partition === undefined ? {} : { partition: String(target.partition) }),
      limit: options.limit,
    });
    writeValue(io, options, actions, actionsTable);
  });

const pauseVerb = (io: CliIo): Command =>
  changing(new Command('pause').description('hold a partition, or all of a topic, until it is resumed'), io).action(
    async (target: Target, options: ChangeOptions) => {
      const answer = await daemonClient(io, options).post('/api/partitions/pause', changeBody(io, target, options));
      writeValue(io, options, answer, () => `paused ${targetText(target)}\n`);
    },
  );

const resumeVerb = (io: CliIo): Command =>
  changing(new Command('resume').description('let a stopped or paused partition go on; what is given up is recorded with who asked'), io)
    .option('--from <earliest|OFFSET>', 'go on at the start of the log, or at an offset', parseFrom)
    .option('--accept-loss', 'give up the records in between')
    .option('--accept-recreated', 'take the topic as it was created again')
    .option('--accept-rewind', 'carry records again that may have been carried before')
    .action(async (target: Target, options: ResumeOptions) => {
      const answer = await daemonClient(io, options).post('/api/partitions/resume', {
        ...changeBody(io, target, options),
        ...(options.from === undefined ? {} : { from: options.from }),
        ...(options.acceptLoss ? { acceptLoss: true } : {}),
        ...(options.acceptRecreated ? { acceptRecreated: true } : {}),
        ...(options.acceptRewind ? { acceptRewind: true } : {}),
      });
      writeValue(io, options, answer, () => `resumed ${targetText(target)}\n`);
    });

const changing = (command: Command, io: CliIo): Command =>
  withOutput(
    withDaemon(
      command
        .addArgument(new Argument('<TOPIC[:N]>', 'topic as named in the region, or one partition of it').argParser(parseTarget))
        .addOption(new Option('--stage <stage>', 'only this stage').choices(['mirror', 'apply']))
        .option('--by <name>', `who asks (default: ${io.operator})`),
    ),
  );

const changeBody = (io: CliIo, target: Target, options: ChangeOptions) => ({
  ...target,
  ...(options.stage === undefined ? {} : { stage: options.stage }),
  by: options.by ?? io.operator,
});

function parseTarget(text: string): Target {
  const target = parseTopicPartition(text);
  if (target === undefined) throw new InvalidArgumentError('Write TOPIC, or TOPIC:N for one partition.');
  return target;
}

function parseFrom(text: string): string {
  if (text === 'earliest') return text;
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('Write earliest or an offset.');
  return BigInt(text).toString();
}

function parseLimit(text: string): string {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Write a number from 1 to 9999.');
  return text;
}

const targetText = ({ topic, partition }: Target): string => (partition === undefined ? topic : `${topic}:${partition}`);

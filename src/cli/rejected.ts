import { Argument, Command, InvalidArgumentError } from 'commander';
import type { RejectedDetail, RejectedRecord, RetryCounts } from '../model/rejected.ts';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import { type CliIo, UsageError } from './io.ts';
import { type OutputOptions, withOutput, writeValue } from './output.ts';
import { detailText, rejectedTable } from './rejected-text.ts';

interface FilterOptions extends OutputOptions, DaemonOptions {
  readonly table?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly parked?: true;
}

interface ChangeOptions extends FilterOptions {
  readonly all?: true;
  readonly by?: string;
}

export function rejectedVerb(io: CliIo): Command {
  return new Command('rejected')
    .description('see, try again and give up the records that could not be applied')
    .addCommand(listVerb(io))
    .addCommand(showVerb(io))
    .addCommand(retryVerb(io))
    .addCommand(discardVerb(io));
}

const listVerb = (io: CliIo): Command =>
  filtered(new Command('list').description('kept records in the order they came, with the reason of each'))
    .option('--after <id>', 'only those with a higher id: the last one of the page before', parseId)
    .option('--limit <number>', 'how many at most', parseLimit, '100')
    .action(async (options: FilterOptions & { readonly after?: string; readonly limit: string }) => {
      const query = {
        ...conditions(options),
        ...(options.parked ? { parked: 'true' } : {}),
        ...(options.after === undefined ? {} : { after: options.after }),
        limit: options.limit,
      };
      const { rejected } = (await daemonClient(io, options).get('/api/rejected', query)) as {
        readonly rejected: readonly RejectedRecord[];
      };
      writeValue(io, options, rejected, rejectedTable);
    });

const showVerb = (io: CliIo): Command =>
  withOutput(
    withDaemon(
      new Command('show').description('one kept record, whole').addArgument(new Argument('<ID>', 'as `list` shows it').argParser(parseId)),
    ),
  ).action(async (id: string, options: OutputOptions & DaemonOptions) => {
    writeValue(io, options, (await daemonClient(io, options).get(`/api/rejected/${id}`)) as RejectedDetail, detailText);
  });

const retryVerb = (io: CliIo): Command =>
  changing(
    new Command('retry').description('apply kept records after all, once what refused them is mended; a newer state of a row stays'),
    io,
  ).action(async (ids: readonly string[], options: ChangeOptions) => {
    const answer = (await daemonClient(io, options).post('/api/rejected/retry', changeBody(io, ids, options))) as RetryCounts;
    writeValue(
      io,
      options,
      answer,
      ({ applied, superseded, rejected }) => `${applied} applied, ${superseded} superseded, ${rejected} rejected again\n`,
    );
  });

const discardVerb = (io: CliIo): Command =>
  changing(new Command('discard').description('give kept records up; recorded with who asked'), io).action(
    async (ids: readonly string[], options: ChangeOptions) => {
      const answer = (await daemonClient(io, options).post('/api/rejected/discard', changeBody(io, ids, options))) as {
        readonly discarded: number;
      };
      writeValue(io, options, answer, ({ discarded }) => `${discarded} discarded\n`);
    },
  );

const filtered = (command: Command): Command =>
  withOutput(
    withDaemon(
      command
        .option('--table <schema.table>', 'only those of this table')
        .option('--reason <code>', 'only those with this error code')
        .option('--parked', 'those that wait for another row, instead of those that are rejected')
        .option('--since <time>', 'only those last seen since then: 2026-01-31T12:00:00Z', parseSince),
    ),
  );

const changing = (command: Command, io: CliIo): Command =>
  filtered(
    command
      .addArgument(
        new Argument('[ID...]', 'as `list` shows them').argParser((text, before: readonly string[] = []) => [...before, parseId(text)]),
      )
      .option('--all', 'every kept record')
      .option('--by <name>', `who asks (default: ${io.operator})`),
  );

const conditions = ({ table, reason, since }: FilterOptions): Record<string, string> => ({
  ...(table === undefined ? {} : { table }),
  ...(reason === undefined ? {} : { reason }),
  ...(since === undefined ? {} : { since }),
});

function changeBody(io: CliIo, ids: readonly string[] | undefined, options: ChangeOptions): Record<string, unknown> {
  const filter = { ...conditions(options), ...(options.parked ? { parked: true } : {}) };
  const named = ids !== undefined && ids.length > 0;
  if (!named && Object.keys(filter).length === 0 && !options.all) {
    throw new UsageError('say which records are meant: IDs, --table, --reason, --since, --parked, or --all');
  }
  return { ...filter, ...(named ? { ids } : {}), ...(options.all ? { all: true } : {}), by: options.by ?? io.operator };
}

function parseId(text: string): string {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('Write the number that `farshore rejected list` shows.');
  return BigInt(text).toString();
}

function parseLimit(text: string): string {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Write a number from 1 to 9999.');
  return text;
}

function parseSince(text: string): string {
  const time = new Date(text);
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('Write a time as 2026-01-31T12:00:00Z.');
  return time.toISOString();
}

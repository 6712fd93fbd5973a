import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { type OutboxRowView, type OutboxStatus, outboxRowStates } from '../model/outbox.ts';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import { type CliIo, UsageError } from './io.ts';
import { type OutputOptions, printable, textTable, withOutput, writeValue } from './output.ts';

interface ListOptions extends OutputOptions, DaemonOptions {
  readonly topic?: string;
  readonly state?: string;
  readonly after?: string;
  readonly limit: string;
}

interface ChangeOptions extends OutputOptions, DaemonOptions {
  readonly topic?: string;
  readonly all?: true;
  readonly by?: string;
}

export const outboxVerb = (io: CliIo): Command =>
  new Command('outbox')
    .description('rows that the region’s applications want published')
    .addCommand(statusVerb(io))
    .addCommand(listVerb(io))
    .addCommand(changeVerb(io, 'retry', 'send refused rows again at once, instead of after their pause'))
    .addCommand(
      changeVerb(
        io,
        'discard',
        'delete refused rows, and held ones named by ID: nobody publishes them, and the other side lacks what they say',
      ),
    );

const statusVerb = (io: CliIo): Command =>
  withOutput(withDaemon(new Command('status').description('what is not published, and why'))).action(
    async (options: OutputOptions & DaemonOptions) => {
      writeValue(io, options, (await daemonClient(io, options).get('/api/outbox')) as OutboxStatus, statusText);
    },
  );

const listVerb = (io: CliIo): Command =>
  withOutput(withDaemon(new Command('list').description('rows that are not published, without keys and values')))
    .option('--topic <topic>', 'only those of this topic')
    .addOption(new Option('--state <state>', 'only those that are so').choices(outboxRowStates))
    .option('--after <id>', 'only those with a higher id: the last one of the page before', parseId)
    .option('--limit <number>', 'how many at most', parseLimit, '100')
    .action(async ({ topic, state, after, limit, ...options }: ListOptions) => {
      const query = {
        ...(topic === undefined ? {} : { topic }),
        ...(state === undefined ? {} : { state }),
        ...(after === undefined ? {} : { after }),
        limit,
      };
      const { rows } = (await daemonClient(io, options).get('/api/outbox/rows', query)) as { readonly rows: readonly OutboxRowView[] };
      writeValue(io, options, rows, rowsText);
    });

const changeVerb = (io: CliIo, verb: 'retry' | 'discard', description: string): Command =>
  withOutput(withDaemon(new Command(verb).description(description)))
    .addArgument(
      new Argument('[ID...]', 'as `list` shows them').argParser((text, before: readonly string[] = []) => [...before, parseId(text)]),
    )
    .option('--topic <topic>', 'refused rows of this topic')
    .option('--all', 'every refused row')
    .option('--by <name>', `who asks (default: ${io.operator})`)
    .action(async (ids: readonly string[] | undefined, { topic, all, by, ...options }: ChangeOptions) => {
      const named = ids !== undefined && ids.length > 0;
      if (!named && topic === undefined && all !== true) throw new UsageError('say which rows are meant: IDs, --topic, or --all');
      const answer = (await daemonClient(io, options).post(`/api/outbox/${verb}`, {
        ...(named ? { ids } : {}),
        ...(topic === undefined ? {} : { topic }),
        ...(all === true ? { all } : {}),
        by: by ?? io.operator,
      })) as { readonly rows: number };
      writeValue(io, options, answer, ({ rows }) => `${rows} ${verb === 'retry' ? 'are sent again' : 'discarded'}\n`);
    });

const seconds = (age: number | null): string => (age === null ? '-' : `${age.toFixed(1)} s`);

function statusText(status: OutboxStatus): string {
  const { relaying, listening, unpublished, held, refused, oldestSeconds, topics } = status;
  const relay = relaying ? `publishes, ${listening ? 'woken by inserts' : 'by its timer only'}` : 'not by this daemon (outbox.enabled)';
  const summary = textTable([
    ['relay', relay],
    ['unpublished', `${unpublished}: ${held} held, ${refused} refused`],
    ['oldest', seconds(oldestSeconds)],
  ]);
  if (topics.length === 0) return summary;
  const rows = topics.map((one) => [
    printable(one.topic),
    one.home ?? 'unknown',
    String(one.unpublished),
    String(one.refused),
    seconds(one.oldestSeconds),
  ]);
  return `${summary}\n${textTable([['TOPIC', 'HOME', 'UNPUBLISHED', 'REFUSED', 'OLDEST'], ...rows])}`;
}

function rowsText(rows: readonly OutboxRowView[]): string {
  if (rows.length === 0) return 'no unpublished rows\n';
  const lines = rows.map(({ id, topic, partition, state, attempts, nextAttemptAt, error, createdAt, bytes }) => [
    id,
    printable(partition === null ? topic : `${topic}:${partition}`),
    state,
    createdAt,
    String(bytes),
    String(attempts),
    nextAttemptAt ?? '-',
    error === null ? '' : printable(error),
  ]);
  return textTable([['ID', 'TOPIC', 'STATE', 'CREATED', 'BYTES', 'ATTEMPTS', 'NEXT ATTEMPT', 'ERROR'], ...lines]);
}

function parseId(text: string): string {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('Write the number that `farshore outbox list` shows.');
  return BigInt(text).toString();
}

function parseLimit(text: string): string {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Write a number from 1 to 9999.');
  return text;
}

import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { type AuditFinding, type AuditStatus, findingStates } from '../model/audit.ts';
import type { RepairOutcomeView, RepairTrailView } from '../model/audit-repair.ts';
import { auditText, findingsText, repairText, trailText } from './audit-text.ts';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import { type CliIo, UsageError } from './io.ts';
import { type OutputOptions, withOutput, writeValue } from './output.ts';

interface ChangeOptions extends OutputOptions, DaemonOptions {
  readonly table?: string;
  readonly all?: true;
  readonly by?: string;
}

export function auditVerb(io: CliIo): Command {
  return new Command('audit')
    .description('compare rows with the primary, and repair what differs')
    .addCommand(runVerb(io))
    .addCommand(statusVerb(io))
    .addCommand(showVerb(io))
    .addCommand(repairVerb(io))
    .addCommand(triageVerb(io, 'ignore', 'findings that are meant to differ: they count no more'))
    .addCommand(triageVerb(io, 'resolve', 'findings that somebody has dealt with: they count no more until they differ anew'));
}

const runVerb = (io: CliIo): Command =>
  withOutput(withDaemon(new Command('run').description('compare tables now, from where an open pass stands')))
    .option('--table <schema.table>', 'only this table (default: all)')
    .option('--by <name>', `who asks (default: ${io.operator})`)
    .action(async ({ table, by, ...options }: ChangeOptions) => {
      const body = { ...(table === undefined ? {} : { table }), by: by ?? io.operator };
      const answer = (await daemonClient(io, options).post('/api/audit/run', body)) as { readonly tables: readonly string[] };
      writeValue(io, options, answer, ({ tables }) => `${tables.join(', ')}: asked for; farshore audit status shows how it goes\n`);
    });

const statusVerb = (io: CliIo): Command =>
  withOutput(withDaemon(new Command('status').description('every table: last pass, coverage, and rows that differ'))).action(
    async (options: OutputOptions & DaemonOptions) => {
      writeValue(io, options, (await daemonClient(io, options).get('/api/audit')) as AuditStatus, auditText);
    },
  );

const showVerb = (io: CliIo): Command =>
  withOutput(withDaemon(new Command('show').description('findings by key, with the columns that differ')))
    .option('--table <schema.table>', 'only those of this table')
    .addOption(new Option('--state <state>', 'only those in this state').choices(findingStates))
    .addOption(new Option('--triage <triage>', 'only those judged so').choices(['new', 'ignored', 'resolved']))
    .option('--repairs', 'what was repaired instead: who, which row, digests before and after')
    .option('--after <id>', 'only those with a higher id: the last one of the page before', parseId)
    .option('--limit <number>', 'how many at most', parseLimit, '100')
    .action(
      async (
        options: ChangeOptions & {
          readonly state?: string;
          readonly triage?: string;
          readonly after?: string;
          readonly limit: string;
          readonly repairs?: true;
        },
      ) => {
        const { table, state, triage, after, limit, repairs } = options;
        const client = daemonClient(io, options);
        const named = { ...(table === undefined ? {} : { table }), limit };
        if (repairs) {
          const answer = (await client.get('/api/audit/repairs', named)) as { readonly repairs: readonly RepairTrailView[] };
          writeValue(io, options, answer.repairs, trailText);
          return;
        }
        const query = {
          ...named,
          ...(state === undefined ? {} : { state }),
          ...(triage === undefined ? {} : { triage }),
          ...(after === undefined ? {} : { after }),
        };
        const { findings } = (await client.get('/api/audit/findings', query)) as { readonly findings: readonly AuditFinding[] };
        writeValue(io, options, findings, findingsText);
      },
    );

const repairVerb = (io: CliIo): Command =>
  changing(
    new Command('repair').description('write the primary’s rows over confirmed findings; without --apply it only says what it would do'),
    io,
  )
    .option('--apply', 'write')
    .option('--limit <number>', 'how many rows at most', parseLimit, '1000')
    .action(async (ids: readonly string[], options: ChangeOptions & { readonly apply?: true; readonly limit: string }) => {
      const body = { ...changeBody(io, ids, options), dryRun: options.apply !== true, limit: Number(options.limit) };
      const answer = (await daemonClient(io, options).post('/api/audit/repair', body)) as {
        readonly dryRun: boolean;
        readonly repairs: readonly RepairOutcomeView[];
      };
      writeValue(io, options, answer, repairText);
    });

const triageVerb = (io: CliIo, verb: 'ignore' | 'resolve', description: string): Command =>
  changing(new Command(verb).description(description), io).action(async (ids: readonly string[], options: ChangeOptions) => {
    const answer = (await daemonClient(io, options).post(`/api/audit/${verb}`, changeBody(io, ids, options))) as {
      readonly findings: number;
    };
    writeValue(io, options, answer, ({ findings }) => `${findings} ${verb}d\n`);
  });

const changing = (command: Command, io: CliIo): Command =>
  withOutput(
    withDaemon(
      command
        .addArgument(
          new Argument('[ID...]', 'as `show` shows them').argParser((text, before: readonly string[] = []) => [...before, parseId(text)]),
        )
        .option('--table <schema.table>', 'those of this table')
        .option('--all', 'those of every table')
        .option('--by <name>', `who asks (default: ${io.operator})`),
    ),
  );

function changeBody(io: CliIo, ids: readonly string[] | undefined, { table, all, by }: ChangeOptions): Record<string, unknown> {
  const named = ids !== undefined && ids.length > 0;
  if (!named && table === undefined && !all) throw new UsageError('say which findings are meant: IDs, --table, or --all');
  return { ...(table === undefined ? {} : { table }), ...(named ? { ids } : {}), ...(all ? { all: true } : {}), by: by ?? io.operator };
}

function parseId(text: string): string {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('Write the number that `farshore audit show` shows.');
  return BigInt(text).toString();
}

function parseLimit(text: string): string {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Write a number from 1 to 9999.');
  return text;
}

import { setTimeout as delay } from 'node:timers/promises';
import { Command, Option } from 'commander';
import type { BackfillStatus } from '../model/backfill.ts';
import { backfillLine, backfillText } from './backfill-text.ts';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import type { CliIo } from './io.ts';
import { type OutputOptions, withOutput, writeValue } from './output.ts';

interface ChangeOptions extends OutputOptions, DaemonOptions {
  readonly table: string;
  readonly where?: string;
  readonly from?: string;
  readonly fromFile?: string;
  readonly by?: string;
}

const FOLLOW_MS = 1_000;

export const backfillVerb = (io: CliIo): Command =>
  new Command('backfill')
    .description(
      'fill a table while the stream goes on: from the primary’s database, from its topics’ beginning, or from a file of records',
    )
    .addCommand(startVerb(io))
    .addCommand(statusVerb(io))
    .addCommand(changeVerb(io, 'pause', 'read no more rows for now'))
    .addCommand(changeVerb(io, 'resume', 'go on behind the last chunk; also one that failed'))
    .addCommand(changeVerb(io, 'stop', 'give it up; rows that were written stay'));

const startVerb = (io: CliIo): Command =>
  withOutput(withDaemon(new Command('start').description('begin with the first row')))
    .requiredOption('--table <schema.table>', 'as it is named in the region')
    .addOption(
      new Option('--from <source>', 'where rows come from (default: database)').choices(['database', 'topic']).conflicts('fromFile'),
    )
    .option('--from-file <file>', 'Avro file of records, as the daemon finds it in its backfill.directory')
    .option('--where <condition>', 'SQL condition on the primary’s rows: only those')
    .option('--by <name>', `who asks (default: ${io.operator})`)
    .action(async ({ table, from, fromFile, where, by, ...options }: ChangeOptions) => {
      const source = fromFile === undefined ? { ...(from === undefined ? {} : { from }) } : { from: 'file', file: fromFile };
      const body = { table, by: by ?? io.operator, ...source, ...(where === undefined ? {} : { where }) };
      const answer = await daemonClient(io, options).post('/api/backfill/start', body);
      writeValue(io, options, answer, () => `${table}: started; farshore backfill status --follow shows how it goes\n`);
    });

const statusVerb = (io: CliIo): Command =>
  withOutput(withDaemon(new Command('status').description('open backfills, and the last of each table')))
    .option('--follow', 'until none is running, with a bar at a terminal')
    .action(async ({ follow, ...options }: OutputOptions & DaemonOptions & { readonly follow?: true }) => {
      const client = daemonClient(io, options);
      const read = async () => (await client.get('/api/backfill')) as BackfillStatus;
      let status = await read();
      while (follow && status.backfills.some(({ state }) => state === 'running' || state === 'settling')) {
        // Progress is talk: stdout gets the end only.
        if (io.color) io.stderr.write(`\r\u001b[K${status.backfills.map(backfillLine).join('  ')}`);
        await delay(FOLLOW_MS, undefined, { signal: io.signal });
        status = await read();
      }
      if (follow && io.color) io.stderr.write('\r\u001b[K');
      writeValue(io, options, status, backfillText);
    });

const changeVerb = (io: CliIo, verb: 'pause' | 'resume' | 'stop', description: string): Command =>
  withOutput(withDaemon(new Command(verb).description(description)))
    .requiredOption('--table <schema.table>', 'as it is named in the region')
    .option('--by <name>', `who asks (default: ${io.operator})`)
    .action(async ({ table, by, ...options }: ChangeOptions) => {
      const answer = await daemonClient(io, options).post(`/api/backfill/${verb}`, { table, by: by ?? io.operator });
      writeValue(io, options, answer, () => `${table}: ${verb === 'stop' ? 'stopped' : `${verb}d`}\n`);
    });

import { Command, Option } from 'commander';
import type { SchemaView } from '../model/schema-view.ts';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import { type CliIo, exitCodes } from './io.ts';
import { type OutputOptions, withOutput, writeValue } from './output.ts';
import { diffText } from './schema-diff-text.ts';
import { docsText } from './schema-docs-text.ts';

interface SchemaOptions extends DaemonOptions {
  readonly topic?: string;
  readonly table?: string;
}

export const schemaVerb = (io: CliIo, finish: (code: number) => void): Command =>
  new Command('schema')
    .description('how topics, their schemas and the tables they fill meet')
    .addCommand(diffVerb(io, finish))
    .addCommand(docsVerb(io));

const diffVerb = (io: CliIo, finish: (code: number) => void): Command =>
  withOutput(
    chosen(
      new Command('diff')
        .description(
          'topic, mapping and table side by side, with the statement that mends each difference; ends with 1 when one stops a table',
        )
        .option('--table <schema.table>', 'this table only'),
    ),
  ).action(async (options: SchemaOptions & OutputOptions) => {
    const view = await schemaOf(io, options);
    writeValue(io, options, view, diffText);
    finish(view.tables.some(({ stops }) => stops === true) ? exitCodes.failed : exitCodes.ok);
  });

const docsVerb = (io: CliIo): Command =>
  chosen(new Command('docs').description('what every attribute of every table is, who owns it, and whether it is allowed'))
    .addOption(new Option('-o, --output <format>', 'what stdout gets').choices(['markdown', 'json']).default('markdown'))
    .action(async (options: SchemaOptions & { readonly output: 'markdown' | 'json' }) => {
      writeValue(io, { output: options.output === 'json' ? 'json' : 'human' }, await schemaOf(io, options), docsText);
    });

const chosen = (command: Command): Command => withDaemon(command).option('--topic <topic>', 'what this topic of the region fills only');

const schemaOf = async (io: CliIo, options: SchemaOptions): Promise<SchemaView> =>
  (await daemonClient(io, options).get('/api/schema', {
    ...(options.topic === undefined ? {} : { topic: options.topic }),
    ...(options.table === undefined ? {} : { table: options.table }),
  })) as SchemaView;

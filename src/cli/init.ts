import { Command } from 'commander';
import { readFailure } from '../config/interpolate.ts';
import { parseConfig } from '../config/parse.ts';
import type { Survey } from '../model/survey.ts';
import { exampleConfig } from './example-config.ts';
import { type InitAnswers, type InitOptions, initAnswers, withInitOptions } from './init-answers.ts';
import { askingConfig, secretFiles, surveyedConfig } from './init-config.ts';
import { CliError, type CliIo } from './io.ts';
import { printable } from './output.ts';

export const initVerb = (io: CliIo): Command =>
  withInitOptions(
    new Command('init').description('write a commented configuration: of what the clusters hold, or, without their addresses, an example'),
  ).action(async (options: InitOptions) => {
    const { config: file } = options;
    if (file !== undefined && options.force !== true) refuseExisting(io, file);
    const answers = await initAnswers(io, options);
    if (answers === undefined) {
      write(io, options, exampleConfig);
      if (file !== undefined) io.stderr.write(`wrote an example to ${file}: change the addresses, then farshore check --config ${file}\n`);
      return;
    }
    const asking = parseConfig(askingConfig(answers), { file: 'command line', env: {}, readFile: io.readFile });
    const survey = await io.daemon.survey(asking, { database: answers.database !== undefined }, io.signal);
    write(io, options, surveyedConfig(answers, survey));
    io.stderr.write(whatNow(answers, survey, file));
  });

/** Before anything is asked; the write itself refuses too. */
function refuseExisting(io: CliIo, file: string): void {
  try {
    io.readFile(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
  }
  throw exists(file);
}

const exists = (file: string): CliError =>
  new CliError('file_exists', `${file} exists already`, { hint: 'Name another file with --config, or replace it with --force.' });

function write(io: CliIo, { config: file, force }: InitOptions, text: string): void {
  if (file === undefined) {
    io.stdout.write(text);
    return;
  }
  try {
    io.writeFile(file, text, force === true ? 'replace' : 'new');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw exists(file);
    throw new CliError('file_unwritable', `${file} cannot be written: ${readFailure(error)}`, { hint: 'Name another file with --config.' });
  }
}

function whatNow(answers: InitAnswers, { topics, tables }: Survey, file: string | undefined): string {
  const mirrored = topics.filter(({ obstacle }) => obstacle === undefined).length;
  const applied = tables.filter(({ obstacles }) => obstacles.length === 0).length;
  const held = tables.filter(({ obstacles }) => obstacles.length > 0);
  const lines = [
    `${mirrored} of ${topics.length} topics to mirror, ${applied} of ${tables.length} tables to apply; the rest is commented out with its reason`,
  ];
  const statements = [
    ...new Set(held.flatMap(({ obstacles }) => obstacles.flatMap(({ next }) => (next?.endsWith(';') === true ? [next] : [])))),
  ];
  if (statements.length > 0) {
    lines.push('run by the owner of the tables, and init again with --force, these let more tables be applied:');
    for (const statement of statements) lines.push(`  ${printable(statement)}`);
  }
  if (!answers.isNamed) lines.push('choose the names under region and primary.name first: they cannot be changed later');
  for (const side of ['database', 'primaryDatabase'] as const) {
    const answer = answers[side];
    if (answer?.kind === 'address' && answer.isSecret)
      lines.push(
        `write the address of the ${side === 'database' ? 'regional' : 'primary’s'} database into ${secretFiles[side]} beside the configuration, mode 600`,
      );
  }
  if (answers.database === undefined)
    lines.push(`write the address of the regional database into ${secretFiles.database} beside the configuration, mode 600`);
  lines.push(
    file === undefined
      ? 'next: save it as farshore.yaml, then: farshore check --config farshore.yaml'
      : `next: farshore check --config ${file}`,
  );
  return `${lines.join('\n')}\n`;
}

import { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { type CliIo, UsageError } from './io.ts';
import { type OutputOptions, withOutput, writeValue } from './output.ts';

interface MigrateOptions extends OutputOptions {
  readonly config?: string;
  readonly print?: true;
}

export const migrateVerb = (io: CliIo): Command =>
  withOutput(
    new Command('migrate')
      .description('bring schema farshore of the regional database up to date')
      .option('--config <file>', 'configuration file')
      .option('--print', 'print the SQL for an administrator to run, and connect to nothing'),
  ).action(async (options: MigrateOptions) => {
    if (options.print) {
      writeValue(io, options, { sql: await io.daemon.printMigrations() }, ({ sql }) => sql);
      return;
    }
    if (options.config === undefined)
      throw new UsageError('give --config FILE to migrate its regional database, or --print to see the SQL');
    const applied = await io.daemon.applyMigrations(loadConfig(options.config, io), io.signal);
    writeValue(io, options, { applied }, (value) =>
      value.applied.length === 0 ? 'schema farshore is up to date\n' : value.applied.map((name) => `applied ${name}\n`).join(''),
    );
  });

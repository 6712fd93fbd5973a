import { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { plainConfig, printConfig } from '../config/print.ts';
import { configJsonSchema } from '../config/schema.ts';
import type { CliIo } from './io.ts';
import { type OutputOptions, withOutput, writeValue } from './output.ts';

export function configVerb(io: CliIo): Command {
  const print = withOutput(
    new Command('print')
      .description('print the configuration as it takes effect: defaults filled in, secrets hidden')
      .requiredOption('--config <file>', 'configuration file'),
  ).action((options: OutputOptions & { readonly config: string }) => {
    const config = loadConfig(options.config, io);
    writeValue(io, options, plainConfig(config), () => printConfig(config));
  });
  const schema = withOutput(new Command('schema').description('print the JSON Schema of the configuration file')).action(
    (options: OutputOptions) => {
      writeValue(io, options, configJsonSchema(), (value) => `${JSON.stringify(value, null, 2)}\n`);
    },
  );
  return new Command('config').description('look at the configuration').addCommand(print).addCommand(schema);
}

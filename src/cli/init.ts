import { Command } from 'commander';
import { exampleConfig } from './example-config.ts';
import type { CliIo } from './io.ts';

export const initVerb = (io: CliIo): Command =>
  new Command('init').description('print a commented configuration to start from').action(() => {
    io.stdout.write(exampleConfig);
  });

import { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { CliIo } from './io.ts';

export const runVerb = (io: CliIo, finish: (code: number) => void): Command =>
  new Command('run')
    .description('run the daemon until SIGTERM or SIGINT; logs go to stdout')
    .requiredOption('--config <file>', 'configuration file')
    .action(async ({ config }: { readonly config: string }) => {
      finish(await io.daemon.runDaemon(loadConfig(config, io), { configPath: config, signal: io.signal, stdout: io.stdout }));
    });

import { Command } from 'commander';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import type { CliIo } from './io.ts';
import { type OutputOptions, painter, withOutput, writeValue } from './output.ts';
import { statusText } from './status-text.ts';

export const statusVerb = (io: CliIo): Command =>
  withOutput(withDaemon(new Command('status').description('what the daemon does, what is down and what stands still'))).action(
    async (options: OutputOptions & DaemonOptions) => {
      const status = await daemonClient(io, options).status();
      writeValue(io, options, status, (value) => statusText(value, painter(io.color)));
    },
  );

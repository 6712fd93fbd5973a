import { Command } from 'commander';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import type { CliIo } from './io.ts';
import { type OutputOptions, withOutput, writeValue } from './output.ts';
import { lagTable } from './status-text.ts';

export const lagVerb = (io: CliIo): Command =>
  withOutput(withDaemon(new Command('lag').description('how far the region is behind, a partition and stage'))).action(
    async (options: OutputOptions & DaemonOptions) => {
      const { region, primary, partitions } = await daemonClient(io, options).status();
      const lag = { region, primary, partitions: partitions.map((one) => ({ topic: one.topic, partition: one.partition, lag: one.lag })) };
      writeValue(io, options, lag, (value) => lagTable(value.partitions));
    },
  );

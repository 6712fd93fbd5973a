import { Command, InvalidArgumentError } from 'commander';
import { parseTopicPartition } from '../model/partition.ts';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import { type CliIo, UsageError } from './io.ts';
import { offsetsText } from './offsets-text.ts';
import { type OutputOptions, withOutput, writeValue } from './output.ts';
import { lagTable } from './status-text.ts';

interface LagOptions extends OutputOptions, DaemonOptions {
  /** `true` without a topic. */
  readonly offsets?: true | string;
  readonly home?: string;
  readonly regional?: string;
}

export const lagVerb = (io: CliIo): Command =>
  withOutput(
    withDaemon(
      new Command('lag')
        .description('how far the region is behind, a partition and stage')
        .option('--offsets [TOPIC[:N]]', 'the mapping of home and regional offsets instead')
        .option(
          '--home <offset>',
          'with --offsets TOPIC:N: where a consumer that stands at this home offset goes on in the region',
          parseOffset,
        )
        .option(
          '--regional <offset>',
          'with --offsets TOPIC:N: where one that stands at this regional offset goes on at home',
          parseOffset,
        ),
    ),
  ).action(async (options: LagOptions) => {
    const query = offsetsQuery(options);
    if (query !== undefined) {
      writeValue(io, options, await daemonClient(io, options).offsets(query), offsetsText);
      return;
    }
    const { region, primary, partitions } = await daemonClient(io, options).status();
    const lag = { region, primary, partitions: partitions.map((one) => ({ topic: one.topic, partition: one.partition, lag: one.lag })) };
    writeValue(io, options, lag, (value) => lagTable(value.partitions));
  });

function offsetsQuery({ offsets, home, regional }: LagOptions): Readonly<Record<string, string>> | undefined {
  const translates = home !== undefined || regional !== undefined;
  if (home !== undefined && regional !== undefined) throw new UsageError('give --home or --regional: they count different logs');
  if (offsets === undefined) {
    if (translates) throw new UsageError('--home and --regional need --offsets TOPIC:N');
    return undefined;
  }
  const target = offsets === true ? undefined : parseTopicPartition(offsets);
  if (offsets !== true && target === undefined) throw new UsageError(`${offsets} is no topic: write TOPIC, or TOPIC:N for one partition`);
  if (translates && target?.partition === undefined) throw new UsageError('an offset belongs to one partition: give --offsets TOPIC:N');
  return {
    ...(target === undefined ? {} : { topic: target.topic }),
    ...(target?.partition === undefined ? {} : { partition: String(target.partition) }),
    ...(home === undefined ? {} : { home }),
    ...(regional === undefined ? {} : { regional }),
  };
}

function parseOffset(text: string): string {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('Write an offset.');
  return BigInt(text).toString();
}

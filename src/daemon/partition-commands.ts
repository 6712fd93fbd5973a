import type { PauseRequest, ResumeRequest } from '../admin/contracts.ts';
import type { ApplyStage } from '../apply/apply-stage.ts';
import type { MirrorStage } from '../mirror/mirror-stage.ts';
import { shardOf } from '../mirror/shards.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Database } from '../postgres/database.ts';
import { shardHolders } from '../postgres/shard-leases.ts';
import type { ShardHolder } from './shard-holder.ts';

/** The stages that have the partitions a command means. */
export interface CommandedStages {
  readonly mirror: Pick<MirrorStage, 'command' | 'status' | 'isResting'>;
  readonly apply: Pick<ApplyStage, 'pause' | 'resume' | 'statuses'>;
}

type Has = Iterable<{ readonly topic: string; readonly partition: number }>;

const isAmong = (statuses: Has, { topic, partition }: PauseRequest): boolean =>
  [...statuses].some((s) => s.topic === topic && (partition === undefined || s.partition === partition));

export async function pausePartitions(stages: CommandedStages, request: PauseRequest, signal: AbortSignal): Promise<void> {
  const { topic, partition, by } = request;
  for (const stage of meant(stages, request)) {
    if (stage === 'mirror') await stages.mirror.command({ kind: 'pause', topic, partition, by });
    else await stages.apply.pause(topic, partition, by, signal);
  }
}

export async function resumePartitions(stages: CommandedStages, request: ResumeRequest, signal: AbortSignal): Promise<void> {
  const { topic, partition, stage } = request;
  // An offset belongs to one cluster: without a stage it would be given to both logs (C5).
  if (typeof request.from === 'bigint' && stage === undefined) {
    throw new FarshoreError('request_invalid', 'An offset needs --stage: home and regional offsets are different numbers', {
      place: topic,
      hint: 'Add --stage mirror or --stage apply.',
    });
  }
  for (const name of meant(stages, request)) {
    if (name === 'mirror') await stages.mirror.command({ kind: 'resume', topic, partition, request });
    else await stages.apply.resume(topic, partition, request, signal);
  }
}

function meant({ mirror, apply }: CommandedStages, request: PauseRequest): readonly ('mirror' | 'apply')[] {
  const { topic, partition, stage } = request;
  const isApplied = isAmong(apply.statuses(), request);
  // One that rests takes no commands: where it is not named, it must not keep apply from taking them.
  const known = { mirror: isAmong(mirror.status(), request) && !(mirror.isResting && isApplied), apply: isApplied };
  const stages = stage === undefined ? (['mirror', 'apply'] as const).filter((name) => known[name]) : [stage];
  if (stages.length > 0) return stages;
  const place = partition === undefined ? topic : `${topic}:${partition}`;
  throw new FarshoreError('request_invalid', `${place} is neither mirrored nor applied here`, {
    place,
    hint: 'farshore partition list shows what is.',
  });
}

/**
 * The stages of the shard that has the partition, where this daemon works on it. Rejects with `request_invalid` and who does where another one does: a
 * command is carried out between two transactions, by whoever makes them.
 */
export async function stagesOfShard(
  { topic, partition }: Pick<PauseRequest, 'topic' | 'partition'>,
  { holder, shards, database }: { readonly holder: ShardHolder; readonly shards: number; readonly database: Database },
  signal: AbortSignal,
): Promise<CommandedStages> {
  if (partition === undefined) {
    throw new FarshoreError(
      'request_invalid',
      `The partitions of ${topic} are divided among ${shards} shards, which several daemons may work on`,
      {
        place: topic,
        hint: `Name one, as ${topic}:0; farshore status of the active daemon shows who works on which.`,
      },
    );
  }
  const shard = shardOf(topic, partition, shards);
  const worker = holder.worker(shard);
  if (worker !== undefined) return worker;
  const other = (await shardHolders(database, signal)).find((one) => one.shard === shard);
  const place = `${topic}:${partition}`;
  throw new FarshoreError('request_invalid', `${place} is of shard ${shard}, which ${other?.holder ?? 'no daemon'} works on`, {
    place,
    hint: other === undefined ? 'Ask again once a daemon has taken it.' : 'Ask that daemon: its name begins with host and process id.',
  });
}

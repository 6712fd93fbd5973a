import { FarshoreError } from '../model/errors.ts';
import { topicPartitionKey } from '../model/partition.ts';
import type { MirrorPosition } from '../model/position.ts';
import type { TopicDescription, TopicRecord } from './contracts.ts';
import type { MirrorDependencies } from './dependencies.ts';
import type { MirrorPartition } from './partition.ts';
import { readEnds } from './partition-start.ts';
import type { Route } from './routes.ts';
import { beginning } from './start-check.ts';
import type { PartitionTable } from './table.ts';

/**
 * A regional topic that is deleted and created again between two looks is written to by its name for a moment, and the position that goes with that is
 * the old one and a record more: gone on from, all before would be left out. Before the generation, so that a crash in between repeats it.
 */
export async function beginAnew(
  { home: topic, regional }: Route,
  home: TopicDescription,
  table: Pick<PartitionTable, 'get'>,
  deps: Pick<MirrorDependencies, 'home' | 'regional'>,
  signal: AbortSignal,
): Promise<void> {
  const positions = await positionsOf(regional, home.topicId, deps, signal);
  if (positions.length === 0) return;
  const places = positions.map(({ partition }) => ({ topic, partition }));
  const ends = await readEnds(deps.home, places, signal);
  const begin = positions.map(({ partition }) => {
    const place = topicPartitionKey(topic, partition);
    const at = ends.get(place);
    if (at === undefined) throw new FarshoreError('broker_request_failed', `Home did not tell where ${place} starts`, { place });
    return beginning({ topic: regional, partition, homeTopicId: home.topicId, home: at });
  });
  // What is known here of a partition that rests would be committed again, and gone on from.
  for (const { partition } of begin) standAt(table.get(regional, partition), undefined);
  await deps.regional.commit(begin, signal);
  for (const position of begin) standAt(table.get(regional, position.partition), position);
}

/** Nothing else is known of where the partition stands. */
function standAt(partition: MirrorPartition | undefined, position: MirrorPosition | undefined): void {
  if (partition === undefined) return;
  [partition.committed, partition.read, partition.inDoubt, partition.oldSinceMs] = [position, position, undefined, undefined];
}

/**
 * A growth that the database has forgotten, set back to before it, is recorded again, and this mirror has written to the new partitions meanwhile: all
 * that they hold is of the new generation. Begun at their ends it would be of none, and apply of the whole topic wait for it for ever.
 */
export async function withGrownBefore(
  { topic, partitions }: TopicRecord,
  home: TopicDescription,
  ends: ReadonlyMap<number, { readonly start: bigint; readonly end: bigint }>,
  deps: Pick<MirrorDependencies, 'regional'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, { readonly start: bigint; readonly end: bigint }>> {
  const isNew = (partition: number): boolean => partition >= partitions;
  if (![...ends].some(([partition, { end }]) => isNew(partition) && end > 0n)) return ends;
  const own = new Set((await positionsOf(topic, home.topicId, deps, signal)).map(({ partition }) => partition));
  return new Map([...ends].map(([partition, one]) => [partition, isNew(partition) && own.has(partition) ? { ...one, end: 0n } : one]));
}

/** What the region's group holds of the log that home has now. */
export const positionsOf = async (
  topic: string,
  homeTopicId: string,
  { regional }: Pick<MirrorDependencies, 'regional'>,
  signal: AbortSignal,
): Promise<readonly MirrorPosition[]> =>
  ((await regional.positions([topic], signal)).get(topic) ?? []).filter(({ topicId }) => topicId === homeTopicId);

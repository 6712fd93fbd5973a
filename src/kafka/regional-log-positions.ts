import { FarshoreError } from '../model/errors.ts';
import { type MirrorPosition, NOT_SETTLED } from '../model/position.ts';
import type { KafkaCluster } from './cluster.ts';
import { kafkaErrorKind, protocolError } from './errors.ts';
import { mirrorPosition } from './regional-log-metadata.ts';
import { backOffMs, isUnstable, mayReadAgain } from './transactions-outcome.ts';
import { byTopic, type FetchedOffsets, OFFSET_FETCH, offsetFetchApi, type TopicPartitions } from './transactions-wire.ts';

const NO_OFFSET = -1n;
const ANSWERED_WITHIN_MS = 60_000;
/** How long offsets may be unstable: the coordinator has to end a transaction it was told to abort. */
const STABLE_WITHIN_MS = 15_000;

export interface ReadPositionsOptions {
  /** Of these partitions only; left out: of all. Another shard's open transaction is then not waited for. */
  readonly owns?: ((topic: string, partition: number) => boolean) | undefined;
  /** Off for who only measures: what is pending is not in the answer, and the last committed one is. Default on (C9). */
  readonly stable?: boolean;
}

/**
 * The positions committed in `group`, by topic; a topic that exists has an entry, an empty one when none
 * of its partitions has a position. Asked partition by partition: an answer for "all topics" would leave
 * out a partition whose first offset is still pending, and it would be mirrored from the start again (C9).
 *
 * Rejects with `position_missing` for a position Farshore cannot have written.
 */
export async function readPositions(
  cluster: KafkaCluster,
  group: string,
  topics: readonly string[],
  signal: AbortSignal,
  { owns, stable = true }: ReadPositionsOptions = {},
): Promise<ReadonlyMap<string, readonly MirrorPosition[]>> {
  const described = await cluster.topics(topics, signal);
  const asked: TopicPartitions[] = described.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.flatMap(({ partition }) => (owns?.(topic, partition) === false ? [] : [partition])),
  }));
  const positions = new Map<string, readonly MirrorPosition[]>();
  if (asked.length === 0) return positions;
  const { clock } = cluster;
  const deadlineMs = clock.monotonicMs() + ANSWERED_WITHIN_MS;
  let unstableSinceMs: number | undefined;
  for (let attempt = 0; ; attempt++) {
    try {
      const { offsets } = await fetchOffsets(cluster, group, asked, signal, stable);
      const found = byTopic(offsets);
      for (const { topic, partitions } of asked) {
        const ofTopic = found.get(topic) ?? [];
        if (ofTopic.length < partitions.length) {
          throw new FarshoreError('broker_request_failed', `${cluster.name}: the committed offsets of ${topic} were answered in part`);
        }
        positions.set(topic, ofTopic.filter(({ offset }) => offset !== NO_OFFSET).map(mirrorPosition));
      }
      return positions;
    } catch (error) {
      const nowMs = clock.monotonicMs();
      unstableSinceMs = isUnstable(error) ? (unstableSinceMs ?? nowMs) : undefined;
      if (unstableSinceMs !== undefined && nowMs >= unstableSinceMs + STABLE_WITHIN_MS) throw notSettled(cluster.name, group, error);
      if (!mayReadAgain(error) || nowMs >= deadlineMs) throw error;
      await clock.sleep(backOffMs(attempt), signal);
    }
  }
}

/** A coordinator that holds part of its log may never come to the end of a transaction in it (ADR 4). Told apart by its fact. */
const notSettled = (cluster: string, group: string, cause: unknown): FarshoreError =>
  new FarshoreError('broker_request_failed', `${cluster}: group ${group} holds transactions open that have ended`, {
    place: `group ${group}`,
    hint: 'Where it stays so, restart the broker that coordinates the group, so that it reads its log again.',
    facts: { [NOT_SETTLED]: true },
    cause,
  });

export async function fetchOffsets(
  cluster: KafkaCluster,
  group: string,
  topics: readonly TopicPartitions[],
  signal: AbortSignal,
  stable = true,
): Promise<FetchedOffsets> {
  const api = offsetFetchApi(cluster.maxVersion(OFFSET_FETCH.key));
  return cluster.withCoordinator(
    'group',
    group,
    'produce',
    async (connection) => {
      const answer = await api.async(connection, group, topics, stable);
      const failed = answer.code !== 0 ? answer : answer.offsets.find(({ code }) => code !== 0);
      if (failed === undefined) return answer;
      throw protocolError(failed.code, `${cluster.name}: reading the positions of group ${group}`, {
        place: `group ${group}`,
        ...(kafkaErrorKind(failed.code) === 'denied' ? { hint: `Allow Describe on group ${group} and on the mirrored topics.` } : {}),
      });
    },
    signal,
  );
}

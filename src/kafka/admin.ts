import { createPartitionsV3, createTopicsV7, describeConfigsV4, incrementalAlterConfigsV1 } from '@platformatic/kafka';
import { FarshoreError } from '../model/errors.ts';
import type { KafkaCluster } from './cluster.ts';
import { kafkaErrorKind, protocolError } from './errors.ts';
import { evenWithErrors } from './partial-answer.ts';

/** A topic as the stages see it. */
export interface TopicDescription {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly { readonly partition: number; readonly leaderEpoch: number; readonly available: boolean }[];
}

const TOPIC_RESOURCE = 2;
/** Config source of a value set on the topic itself; others come from the broker or its defaults. */
const DYNAMIC_TOPIC_CONFIG = 1;
const SET = 0;
const DELETE = 1;
const BROKER_DEFAULT = -1;
/** Resources asked for in one DescribeConfigs request. */
const CONFIGS_AT_ONCE = 500;

/** Every topic that may be seen, but those of Kafka itself. */
export async function listTopics(cluster: KafkaCluster, signal: AbortSignal): Promise<readonly TopicDescription[]> {
  return (await cluster.topics('all', signal)).filter(({ internal }) => !internal);
}

/**
 * Configs set on the topics themselves, by topic. Topics that do not exist are left out. Throws
 * `cluster_denied` naming the topic that may not be described.
 */
export const topicConfigs = (cluster: KafkaCluster, topics: readonly string[], signal: AbortSignal): Promise<ConfigsByTopic> =>
  describeConfigs(cluster, topics, (source) => source === DYNAMIC_TOPIC_CONFIG, signal);

/** As `topicConfigs`, with what the topics have from brokers and defaults. */
export const configsInForce = (cluster: KafkaCluster, topics: readonly string[], signal: AbortSignal): Promise<ConfigsByTopic> =>
  describeConfigs(cluster, topics, () => true, signal);

type ConfigsByTopic = ReadonlyMap<string, ReadonlyMap<string, string>>;

async function describeConfigs(
  cluster: KafkaCluster,
  topics: readonly string[],
  isWanted: (source: number) => boolean,
  signal: AbortSignal,
): Promise<ConfigsByTopic> {
  const found = new Map<string, ReadonlyMap<string, string>>();
  for (let at = 0; at < topics.length; at += CONFIGS_AT_ONCE) {
    const resources = topics
      .slice(at, at + CONFIGS_AT_ONCE)
      .map((resourceName) => ({ resourceType: TOPIC_RESOURCE, resourceName }) as const);
    const answer = await cluster.withAnyBroker(
      'control',
      (connection) => evenWithErrors(describeConfigsV4.api.async(connection, resources, false, false)),
      signal,
    );
    for (const { errorCode, errorMessage, resourceName, configs } of answer.results) {
      if (kafkaErrorKind(errorCode) === 'unknown_topic') continue;
      check(cluster, errorCode, errorMessage, resourceName, 'its configs cannot be read', 'DescribeConfigs');
      const own = configs.filter(({ configSource, value }) => isWanted(configSource) && typeof value === 'string');
      found.set(resourceName, new Map(own.map(({ name, value }) => [name, value as string])));
    }
  }
  return found;
}

/**
 * Creates a topic, with the cluster's default replication unless told otherwise. A topic that is there already with as many
 * partitions is left as it is: a request whose answer was lost may have made it.
 *
 * Throws `cluster_denied` or `request_invalid`.
 */
export async function createTopic(
  cluster: KafkaCluster,
  topic: string,
  partitions: number,
  configs: ReadonlyMap<string, string>,
  signal: AbortSignal,
  replicationFactor = BROKER_DEFAULT,
): Promise<void> {
  const request = {
    name: topic,
    numPartitions: partitions,
    replicationFactor,
    assignments: [],
    configs: [...configs].map(([name, value]) => ({ name, value })),
  };
  const answer = await cluster.withController(
    (connection) => evenWithErrors(createTopicsV7.api.async(connection, [request], cluster.requestTimeoutMs, false)),
    signal,
  );
  const result = answer.topics[0];
  if (result === undefined || kafkaErrorKind(result.errorCode) !== 'exists') {
    check(cluster, result?.errorCode ?? -1, result?.errorMessage, topic, 'it cannot be created', 'Create');
  }
  await untilPartitions(cluster, topic, partitions, signal);
}

/** Raises the partition count; a topic that has it already is left as it is. Throws `cluster_denied` or `request_invalid`. */
export async function growTopic(cluster: KafkaCluster, topic: string, partitions: number, signal: AbortSignal): Promise<void> {
  const known = (await cluster.topics([topic], signal))[0]?.partitions.length;
  if (known === partitions) return;
  const answer = await cluster.withController(
    (connection) =>
      evenWithErrors(
        createPartitionsV3.api.async(connection, [{ name: topic, count: partitions, assignments: null }], cluster.requestTimeoutMs, false),
      ),
    signal,
  );
  const result = answer.results[0];
  check(cluster, result?.errorCode ?? -1, result?.errorMessage, topic, `it cannot grow to ${partitions} partitions`, 'Alter');
  await untilPartitions(cluster, topic, partitions, signal);
}

/** Sets and removes single configs of a topic; others stay as they are. Throws `cluster_denied` or `request_invalid`. */
export async function alterTopicConfigs(
  cluster: KafkaCluster,
  topic: string,
  set: ReadonlyMap<string, string>,
  remove: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const configs = [
    ...[...set].map(([name, value]) => ({ name, configOperation: SET, value }) as const),
    ...remove.map((name) => ({ name, configOperation: DELETE, value: null }) as const),
  ];
  if (configs.length === 0) return;
  const answer = await cluster.withController(
    (connection) =>
      evenWithErrors(
        incrementalAlterConfigsV1.api.async(connection, [{ resourceType: TOPIC_RESOURCE, resourceName: topic, configs }], false),
      ),
    signal,
  );
  const result = answer.responses[0];
  check(cluster, result?.errorCode ?? -1, result?.errorMessage, topic, 'its configs cannot be changed', 'AlterConfigs');
}

const TRIES = 50;
const BETWEEN_TRIES_MS = 100;

/** The controller answers before every broker has heard: waits until the metadata shows partitions with leaders. */
async function untilPartitions(cluster: KafkaCluster, topic: string, partitions: number, signal: AbortSignal): Promise<void> {
  let seen = 0;
  for (let tries = 0; tries < TRIES; tries++) {
    const found = (await cluster.topics([topic], signal))[0];
    seen = found?.partitions.length ?? 0;
    if (seen === partitions && found?.partitions.every(({ available }) => available)) return;
    if (seen > partitions) break;
    await cluster.clock.sleep(BETWEEN_TRIES_MS, signal);
  }
  const place = `topic ${topic}`;
  if (seen === partitions) throw protocolError(5, `${cluster.name}: ${place} has partitions without a leader`, { place });
  throw new FarshoreError('request_invalid', `${cluster.name}: ${place} has ${seen} partitions, not ${partitions}`, { place });
}

function check(cluster: KafkaCluster, code: number, said: string | null | undefined, topic: string, what: string, right: string): void {
  if (code === 0) return;
  const words = typeof said === 'string' && said !== '' ? ` (${said})` : '';
  const place = `topic ${topic}`;
  throw protocolError(code, `${cluster.name}: ${place}: ${what}${words}`, {
    place,
    ...(kafkaErrorKind(code) === 'denied' ? { hint: `Allow ${right} on topic ${topic}.` } : {}),
  });
}

import type { FarshoreConfig, KafkaConfig } from '../config/config.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { outboxName } from '../kafka/outbox-log.ts';
import { HOMES_TOPIC } from '../kafka/published-homes.ts';
import { positionGroup, shardGroup } from '../kafka/regional-log.ts';
import { rejectedTopic } from '../kafka/rejected-writer.ts';
import { type MissingRight, missingTopicRights, missingWriterRights, type Operation } from '../kafka/rights.ts';
import { heartbeatRoute } from '../mirror/routes.ts';
import type { Finding } from '../model/finding.ts';

const homeRights: readonly Operation[] = ['Read', 'Describe', 'DescribeConfigs'];
const mirrorRights: readonly Operation[] = ['Read', 'Write', 'Create', 'Alter', 'Describe', 'DescribeConfigs', 'AlterConfigs'];

/** Kafka rights the daemon's logins lack, each with the command that gives it. `routes` are the topics that would be mirrored. */
export async function checkRights(
  config: FarshoreConfig,
  primary: KafkaCluster,
  regional: KafkaCluster,
  routes: readonly { readonly home: string; readonly regional: string }[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { heartbeat } = config.primary;
  const literal = config.mirror.topics.filter((pattern) => !pattern.endsWith('*'));
  const atHome = new Map<string, readonly Operation[]>([...literal, ...routes.map(({ home }) => home)].map((home) => [home, homeRights]));
  // Where the primary is told of a move, it is told of that, and the daemon that carries the way back there is fenced.
  const moves = config.cutover.freeze !== undefined && heartbeat.enabled;
  atHome.set(HOMES_TOPIC, moves ? ['Read', 'Write', 'Create', 'Describe', 'DescribeConfigs'] : ['Read', 'Describe']);
  const returns = heartbeatRoute(heartbeat.topic, config.region).regional;
  if (heartbeat.enabled) atHome.set(heartbeat.topic, ['Read', 'Write', 'Create', 'Describe', 'DescribeConfigs']);
  const inRegion = new Map<string, readonly Operation[]>(routes.map((route) => [route.regional, mirrorRights]));
  inRegion.set(HOMES_TOPIC, ['Read', 'Write', 'Create', 'Describe', 'DescribeConfigs']);
  if (config.rejected.publish) {
    for (const { topic } of config.apply.tables) inRegion.set(rejectedTopic(topic), ['Write', 'Create', 'Describe']);
  }
  if (heartbeat.enabled) inRegion.set(heartbeatRoute(heartbeat.topic, config.primary.name).regional, mirrorRights);
  const provesWayBack = heartbeat.enabled && config.cutover.gates.reversePath.required !== false;
  if (provesWayBack) {
    atHome.set(returns, ['Read', 'Describe']);
    inRegion.set(heartbeat.topic, ['Read', 'Write', 'Create', 'Describe']);
  }
  const requests = config.shadow?.topic;
  if (requests !== undefined && !inRegion.has(requests)) inRegion.set(requests, ['Read', 'Describe']);
  const group = positionGroup(config.region, config.primary.name);
  const outbox = outboxName(config.region);
  const { shards } = config.mirror;
  const wayBack = positionGroup(config.primary.name, config.region);
  const [home, region, writer, relay, sharing, fence] = await Promise.all([
    missingTopicRights(primary, atHome, signal),
    missingTopicRights(regional, inRegion, signal),
    missingWriterRights(regional, `${group}.0`, group, signal),
    config.outbox.enabled ? missingWriterRights(regional, outbox, outbox, signal) : [],
    // Who may use the last shard's id and the group that divides them may use them all: they are given by their beginning.
    shards > 1 ? missingWriterRights(regional, `${group}.${shards - 1}`, shardGroup(config.region, config.primary.name), signal) : [],
    moves ? missingWriterRights(primary, `${wayBack}.0`, wayBack, signal) : [],
  ]);
  return [
    // Without it everything works but one gate, which says so itself.
    ...home.map((right) => finding('primary kafka', config.primary.kafka, right, right.name === returns ? 'warning' : 'problem')),
    // It commits no positions there: the group is the other daemon's.
    ...fence.filter(({ resource }) => resource !== 'group').map((right) => finding('primary kafka', config.primary.kafka, right)),
    ...[...region, ...writer, ...relay, ...sharing].map((right) => finding('regional kafka', config.regional.kafka, right)),
  ];
}

const principalOf = ({ sasl }: KafkaConfig): string => (sasl?.username === undefined ? 'User:NAME' : `User:${sasl.username}`);

/** The command of Kafka's own that gives a right. */
export const grantCommand = (kafka: KafkaConfig, { resource, name, operation }: MissingRight): string =>
  `kafka-acls.sh --bootstrap-server ${kafka.brokers[0]} --command-config ADMIN.properties --add --allow-principal '${principalOf(kafka)}' --${resource} '${name}' --operation ${operation}`;

function finding(area: Finding['area'], kafka: KafkaConfig, right: MissingRight, level: Finding['level'] = 'problem'): Finding {
  const { resource, name, operation } = right;
  const principal = principalOf(kafka);
  const who = kafka.sasl?.username === undefined ? 'the daemon’s principal (NAME as the brokers see it)' : principal;
  return {
    area,
    level,
    what: `${who} lacks ${operation} on ${resource} ${name}`,
    place: `${resource} ${name}`,
    hint: grantCommand(kafka, right),
  };
}

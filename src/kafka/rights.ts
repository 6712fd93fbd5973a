import { addOffsetsToTxnV3, createTopicsV7, metadataV12 } from '@platformatic/kafka';
import type { KafkaCluster } from './cluster.ts';
import type { BrokerCall } from './connection.ts';
import { KafkaError, kafkaErrorKind, kafkaErrorName } from './errors.ts';
import { asKafkaError, evenWithErrors } from './partial-answer.ts';

/** Operations of Kafka's ACLs that are asked for, with their bit in `authorizedOperations`. */
const bits = { Read: 3, Write: 4, Create: 5, Alter: 7, Describe: 8, DescribeConfigs: 10, AlterConfigs: 11 } as const;
export type Operation = keyof typeof bits;

export interface MissingRight {
  readonly resource: 'topic' | 'group' | 'transactional-id';
  readonly name: string;
  readonly operation: Operation;
}

/**
 * Rights on topics this login lacks, as the broker itself counts them; nothing is changed. A topic that does not exist is
 * looked at for Create, where it is wanted, by a request that only validates.
 */
export async function missingTopicRights(
  cluster: KafkaCluster,
  wanted: ReadonlyMap<string, readonly Operation[]>,
  signal: AbortSignal,
): Promise<readonly MissingRight[]> {
  if (wanted.size === 0) return [];
  const names = [...wanted.keys()];
  const answer = await cluster.withAnyBroker('control', (c) => evenWithErrors(metadataV12.api.async(c, names, false, true)), signal);
  const missing: MissingRight[] = [];
  const absent: string[] = [];
  for (const { name, errorCode, topicAuthorizedOperations } of answer.topics) {
    const operations = wanted.get(name ?? '');
    if (typeof name !== 'string' || operations === undefined) continue;
    const lack = (operation: Operation): void => {
      missing.push({ resource: 'topic', name, operation });
    };
    if (kafkaErrorKind(errorCode) === 'denied') lack('Describe');
    else if (kafkaErrorName(errorCode) === 'UNKNOWN_TOPIC_OR_PARTITION') absent.push(name);
    else for (const operation of operations) if (!hasBit(topicAuthorizedOperations, operation)) lack(operation);
  }
  for (const name of absent.filter((one) => wanted.get(one)?.includes('Create'))) {
    const request = { name, numPartitions: 1, replicationFactor: -1, assignments: [], configs: [] };
    const created = await cluster.withController(
      (c) => evenWithErrors(createTopicsV7.api.async(c, [request], cluster.requestTimeoutMs, true)),
      signal,
    );
    if (kafkaErrorKind(created.topics[0]?.errorCode ?? 0) === 'denied') missing.push({ resource: 'topic', name, operation: 'Create' });
  }
  return missing;
}

const hasBit = (operations: number, operation: Operation): boolean => (operations & (1 << bits[operation])) !== 0;

/** A cluster that never saw a transaction makes the topic of its coordinators when it is first asked for one. */
const COORDINATOR_ATTEMPTS = 40;
const COORDINATOR_PAUSE_MS = 250;
/** No producer has this id. */
const NO_PRODUCER = -1n;

/**
 * Rights on the transactional id and the group of positions this login lacks. The broker is asked to add the group to a
 * transaction of a producer that cannot exist: it looks at the rights first and then refuses.
 */
export async function missingWriterRights(
  cluster: KafkaCluster,
  transactionalId: string,
  group: string,
  signal: AbortSignal,
): Promise<readonly MissingRight[]> {
  for (let attempt = 1; ; attempt++) {
    const failure = await probeWriter(cluster, transactionalId, group, signal);
    switch (failure?.kafkaError) {
      case 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED':
        return [{ resource: 'transactional-id', name: transactionalId, operation: 'Write' }];
      case 'GROUP_AUTHORIZATION_FAILED':
        return [{ resource: 'group', name: group, operation: 'Read' }];
      case 'INVALID_PRODUCER_ID_MAPPING':
      case undefined:
        return [];
      default:
        if (failure?.kind !== 'coordinator' || attempt === COORDINATOR_ATTEMPTS) throw failure;
    }
    await cluster.clock.sleep(COORDINATOR_PAUSE_MS, signal);
  }
}

async function probeWriter(
  cluster: KafkaCluster,
  transactionalId: string,
  group: string,
  signal: AbortSignal,
): Promise<KafkaError | undefined> {
  const probe: BrokerCall<unknown> = (connection) => addOffsetsToTxnV3.api.async(connection, transactionalId, NO_PRODUCER, 0, group);
  try {
    await cluster.withCoordinator('transaction', transactionalId, 'control', probe, signal);
    return undefined;
  } catch (error) {
    const failure = asKafkaError(error, cluster.name);
    if (failure instanceof KafkaError) return failure;
    throw error;
  }
}

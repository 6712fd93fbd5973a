import type { metadataV12 } from '@platformatic/kafka';
import type { BrokerAddress } from './broker-address.ts';
import { kafkaErrorKind } from './errors.ts';

/** A Metadata answer as far as it is read here. */
export type MetadataAnswer = Pick<metadataV12.MetadataResponse, 'brokers' | 'topics'>;

export interface PartitionMetadata {
  readonly partition: number;
  /** Broker id of the leader, -1 while there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  /** Whether a leader can be asked now. */
  readonly available: boolean;
}

export interface TopicMetadata {
  readonly topic: string;
  /** UUID text. */
  readonly topicId: string;
  readonly internal: boolean;
  /** In order of their numbers. */
  readonly partitions: readonly PartitionMetadata[];
}

export interface Leader {
  readonly brokerId: number;
  readonly leaderEpoch: number;
}

/** The topics of an answer that exist and may be seen. A partition without a leader is in it, not available. */
export function describedTopics(answer: MetadataAnswer): TopicMetadata[] {
  const topics: TopicMetadata[] = [];
  for (const { errorCode, name, topicId, isInternal, partitions } of answer.topics) {
    if (errorCode !== 0 || typeof name !== 'string') continue;
    topics.push({
      topic: name,
      topicId,
      internal: isInternal,
      partitions: partitions
        .map((p) => ({ partition: p.partitionIndex, leader: p.leaderId, leaderEpoch: p.leaderEpoch, available: p.leaderId >= 0 }))
        .sort((a, b) => a.partition - b.partition),
    });
  }
  return topics;
}

/** The topics of an answer that may not be seen. */
export function deniedTopics(answer: MetadataAnswer): string[] {
  return answer.topics.flatMap(({ errorCode, name }) => (kafkaErrorKind(errorCode) === 'denied' && typeof name === 'string' ? [name] : []));
}

/**
 * What is known of the cluster's brokers and of the topics that somebody asked for. A broker that
 * lags behind may answer an older leader than one known already; the higher leader epoch of the same
 * topic id stays, else a fetch would go to the old leader and back.
 */
export class MetadataCache {
  readonly #topics = new Map<string, TopicMetadata>();
  #denied: ReadonlySet<string> = new Set();
  #brokers: ReadonlyMap<number, BrokerAddress> = new Map();

  get brokers(): ReadonlyMap<number, BrokerAddress> {
    return this.#brokers;
  }

  /** Every topic asked for that exists or may exist. */
  get topicNames(): readonly string[] {
    return [...this.#topics.keys(), ...this.#denied];
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name);
  }

  leaderOf(topic: string, partition: number): Leader | undefined {
    const found = this.#topics.get(topic)?.partitions[partition];
    return found?.available ? { brokerId: found.leader, leaderEpoch: found.leaderEpoch } : undefined;
  }

  /** Whether the last answer said that the topic may not be seen. */
  isDenied(topic: string): boolean {
    return this.#denied.has(topic);
  }

  setBroker(id: number, address: BrokerAddress): void {
    if (!this.#brokers.has(id)) this.#brokers = new Map([...this.#brokers, [id, address]]);
  }

  /** Takes an answer in; topics that were asked for by name and are not in it are forgotten. */
  take(answer: MetadataAnswer, asked: readonly string[]): readonly TopicMetadata[] {
    this.#brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    const topics = describedTopics(answer).map((topic) => newerOf(this.#topics.get(topic.topic), topic));
    const denied = deniedTopics(answer);
    this.#denied = new Set([...[...this.#denied].filter((name) => !asked.includes(name)), ...denied]);
    for (const name of asked) this.#topics.delete(name);
    for (const topic of topics) this.#topics.set(topic.topic, topic);
    return topics;
  }
}

function newerOf(known: TopicMetadata | undefined, answered: TopicMetadata): TopicMetadata {
  if (known === undefined || known.topicId !== answered.topicId) return answered;
  const partitions = answered.partitions.map((partition) => {
    const before = known.partitions[partition.partition];
    return before !== undefined && before.leaderEpoch > partition.leaderEpoch ? before : partition;
  });
  return { ...answered, partitions };
}

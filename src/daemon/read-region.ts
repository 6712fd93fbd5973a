import type { KafkaCluster } from '../kafka/cluster.ts';
import { readPositions } from '../kafka/regional-log-positions.ts';
import { askByTopic } from '../model/by-topic.ts';
import { topicPartitionKey } from '../model/partition.ts';
import type { Database } from '../postgres/database.ts';
import { applyPositions } from '../postgres/positions.ts';
import { shardHolders } from '../postgres/shard-leases.ts';
import { readStops } from '../postgres/stop-ledger.ts';
import type { RegionSeen } from './shared-region.ts';

export interface ReadRegionParts {
  readonly database: Database;
  readonly reader: KafkaCluster;
  /** That all shards commit their positions under. */
  readonly group: string;
  readonly applied: ReadonlySet<string>;
}

/** One look at all that is durable: positions in the regional Kafka; positions, stops and leases in the database. */
export async function readRegion(
  { database, reader, group, applied }: ReadRegionParts,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<RegionSeen> {
  const [mirrored, positions, mirrorStops, applyStops, holders] = await Promise.all([
    askByTopic((some) => readPositions(reader, group, some, signal, { stable: false }), topics),
    applyPositions(database).ofTopics([...applied], signal),
    readStops(database, 'mirror', signal),
    readStops(database, 'apply', signal),
    shardHolders(database, signal),
  ]);
  return {
    mirrored: new Map(mirrored.answers.flatMap((some) => [...some])),
    refused: mirrored.refused,
    applied: new Map(positions.map(({ topic, partition, next }) => [topicPartitionKey(topic, partition), next])),
    stops: new Map([...mirrorStops, ...applyStops].map((stop) => [`${stop.stage} ${stop.topic}:${stop.partition}`, stop])),
    holders: new Map(holders.map((holder) => [holder.shard, holder])),
  };
}

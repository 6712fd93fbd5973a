import type { TopicOrder } from '../apply/contracts.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { LagSources } from '../lag/contracts.ts';
import type { BackfillPosition, BackfillSource } from '../model/backfill.ts';
import { FarshoreError } from '../model/errors.ts';
import { offsetValue } from '../model/offsets.ts';
import { topicPartitionKey } from '../model/partition.ts';
import type { Database } from '../postgres/database.ts';
import { topicOrders } from '../postgres/topic-orders.ts';
import { refusal } from './backfill-prepare.ts';

/** Where the logs stand when a backfill begins. Home is asked for rows of the primary only. */
export async function positionsOf(
  topics: ReadonlySet<string>,
  { from }: BackfillSource,
  lagSources: LagSources,
  signal: AbortSignal,
): Promise<readonly BackfillPosition[]> {
  const applied = [...lagSources.applied()].filter(({ topic }) => topics.has(topic));
  const nextOf = new Map(applied.map(({ topic, partition, next }) => [topicPartitionKey(topic, partition), next?.toString() ?? null]));
  if (from !== 'database') {
    return applied.map(({ topic, partition }) => ({
      topic,
      partition,
      homeEnd: null,
      applied: nextOf.get(topicPartitionKey(topic, partition)) ?? null,
    }));
  }
  const mirrored = [...lagSources.mirrorCommitted()].filter(({ topic }) => topics.has(topic));
  const asked = mirrored.map(({ homeTopic, partition }) => ({ topic: homeTopic, partition }));
  const read = new Map((await lagSources.home.ends(asked, signal)).map((one) => [topicPartitionKey(one.topic, one.partition), one.end]));
  return mirrored.map(({ topic, homeTopic, partition }) => {
    const homeEnd = read.get(topicPartitionKey(homeTopic, partition));
    if (homeEnd === undefined)
      throw new FarshoreError('broker_request_failed', `The end of ${homeTopic}:${partition} at home was not told`);
    return { topic, partition, homeEnd: String(homeEnd), applied: nextOf.get(topicPartitionKey(topic, partition)) ?? null };
  });
}

/** Whether apply has passed the ends of the regional logs as they are after this was asked. */
export async function regionPassed(
  topics: ReadonlySet<string>,
  lagSources: LagSources,
  signal: AbortSignal,
): Promise<'passed' | 'not_yet'> {
  const partitions = [...lagSources.applied()].filter(({ topic }) => topics.has(topic));
  if (new Set(partitions.map(({ topic }) => topic)).size < topics.size) return 'not_yet';
  const ends = await lagSources.regional.ends(partitions, signal);
  const nextOf = new Map([...lagSources.applied()].map(({ topic, partition, next }) => [topicPartitionKey(topic, partition), next]));
  // The high watermark: committed records lie behind the last stable offset until their markers are written.
  const isPassed = ends.every(({ topic, partition, highWatermark }) => {
    const next = nextOf.get(topicPartitionKey(topic, partition));
    return next !== undefined && offsetValue(next) >= highWatermark;
  });
  return isPassed && ends.length === partitions.length ? 'passed' : 'not_yet';
}

export interface HomeOrder {
  readonly order: TopicOrder;
  /** The newest: that of the home. */
  readonly epoch: number;
}

/** Rows and records are states of the home's epoch: after a switch they are those of an old home, and must not come. */
export async function homeOrders(
  name: string,
  topics: ReadonlySet<string>,
  { region, primary: { name: home } }: Pick<FarshoreConfig, 'region' | 'primary'>,
  database: Database,
  signal: AbortSignal,
): Promise<readonly HomeOrder[]> {
  const orders = await topicOrders(database, region).load([...topics], signal);
  const missing = [...topics].filter((topic) => !orders.some((order) => order.topic === topic && order.homeEpochs.length > 0));
  if (missing.length > 0) {
    throw refusal(
      name,
      `Topic ${missing.join(', ')} is not mirrored yet`,
      'The stream comes first: what changes during a backfill comes by it.',
    );
  }
  return orders.map((order) => {
    const newest = order.homeEpochs.toSorted((a, b) => a.epoch - b.epoch).at(-1)!;
    if (newest.home !== home) {
      throw refusal(name, `The home of topic ${order.topic} is ${newest.home}, not ${home}`, 'Rows are backfilled from their home only.');
    }
    return { order, epoch: newest.epoch };
  });
}

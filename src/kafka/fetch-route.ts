import type { FetchedPartition, FetchTarget } from '../model/fetch.ts';
import type { Leader, TopicMetadata } from './metadata.ts';

/** What the routing needs to know of a cluster. */
export interface KnownTopics {
  knownTopic(topic: string): TopicMetadata | undefined;
  isDenied(topic: string): boolean;
  leaderOf(topic: string, partition: number): Leader | undefined;
  /** A replica to read from instead of the leader; undefined for none. */
  replicaOf?(topic: string, partition: number): number | undefined;
}

export interface RoutedTarget {
  readonly target: FetchTarget;
  readonly leaderEpoch: number;
  /** Whether another broker than the leader is asked: only records count of what it answers. */
  readonly follower: boolean;
}

export interface TargetsOfBroker {
  readonly brokerId: number;
  readonly parts: readonly RoutedTarget[];
}

export interface Routed {
  readonly brokers: readonly TargetsOfBroker[];
  /** Targets that need no request: denied, unknown, or without a leader. */
  readonly settled: readonly FetchedPartition[];
  /** Some verdict in `settled` may come from metadata that is too old: refresh and route once more. */
  readonly unsure: boolean;
}

/** Sorts targets by the broker to ask, keeping their order: the one that leads their partition, or the replica that it named. */
export function routeTargets(targets: readonly FetchTarget[], known: KnownTopics): Routed {
  const byBroker = new Map<number, RoutedTarget[]>();
  const settled: FetchedPartition[] = [];
  let unsure = false;
  for (const target of targets) {
    const { topic, partition } = target;
    if (known.isDenied(topic)) {
      settled.push({ kind: 'denied', topic, partition });
      continue;
    }
    if (known.knownTopic(topic)?.topicId !== target.topicId) {
      settled.push({ kind: 'unknown_topic', topic, partition });
      unsure = true;
      continue;
    }
    const leader = known.leaderOf(topic, partition);
    if (leader === undefined) {
      settled.push({ kind: 'retry', topic, partition, reason: 'the partition has no leader now' });
      unsure = true;
      continue;
    }
    const brokerId = known.replicaOf?.(topic, partition) ?? leader.brokerId;
    const parts = byBroker.get(brokerId);
    const part = { target, leaderEpoch: leader.leaderEpoch, follower: brokerId !== leader.brokerId };
    if (parts === undefined) byBroker.set(brokerId, [part]);
    else parts.push(part);
  }
  return { brokers: [...byBroker].map(([brokerId, parts]) => ({ brokerId, parts })), settled, unsure };
}

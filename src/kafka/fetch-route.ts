import type { FetchedPartition, FetchTarget } from '../model/fetch.ts';
import type { Leader, TopicMetadata } from './metadata.ts';

/** What the routing needs to know of a cluster. */
export interface KnownTopics {
  knownTopic(topic: string): TopicMetadata | undefined;
  isDenied(topic: string): boolean;
  leaderOf(topic: string, partition: number): Leader | undefined;
}

export interface TargetsOfBroker {
  readonly brokerId: number;
  readonly parts: readonly { readonly target: FetchTarget; readonly leaderEpoch: number }[];
}

export interface Routed {
  readonly brokers: readonly TargetsOfBroker[];
  /** Targets that need no request: denied, unknown, or without a leader. */
  readonly settled: readonly FetchedPartition[];
  /** Some verdict in `settled` may come from metadata that is too old: refresh and route once more. */
  readonly unsure: boolean;
}

/** Sorts targets by the broker that leads their partition, keeping their order. */
export function routeTargets(targets: readonly FetchTarget[], known: KnownTopics): Routed {
  const byBroker = new Map<number, { target: FetchTarget; leaderEpoch: number }[]>();
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
    const parts = byBroker.get(leader.brokerId);
    const part = { target, leaderEpoch: leader.leaderEpoch };
    if (parts === undefined) byBroker.set(leader.brokerId, [part]);
    else parts.push(part);
  }
  return { brokers: [...byBroker].map(([brokerId, parts]) => ({ brokerId, parts })), settled, unsure };
}

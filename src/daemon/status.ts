import type { Component } from '../model/events.ts';
import { type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import type { KeptCount } from '../model/rejected.ts';
import type { DaemonStatus, LagValue, PartitionStatus, StageStatus } from '../model/status.ts';

export interface StatusParts {
  readonly region: string;
  readonly primary: string;
  readonly version: string;
  readonly role: DaemonStatus['role'];
  readonly startedAtMs: number;
  readonly leaseEpoch: bigint | undefined;
  readonly components: ReadonlyMap<Component, { readonly up: boolean; readonly reason: string | undefined }>;
  readonly mirror: Iterable<{ readonly topic: string; readonly partition: number; readonly status: StageStatus }>;
  readonly apply: Iterable<{ readonly topic: string; readonly partition: number; readonly status: StageStatus }>;
  readonly lag: (topic: string, partition: number) => Readonly<Record<'mirror' | 'apply' | 'total', LagValue | undefined>>;
  readonly headroom: (topic: string, partition: number) => bigint | undefined;
  readonly tables: DaemonStatus['tables'];
  readonly rejected: readonly KeptCount[] | undefined;
  readonly heartbeat: DaemonStatus['heartbeat'];
  readonly counters: { readonly mirroredRecords: bigint; readonly appliedRecords: bigint };
  readonly shards?: DaemonStatus['shards'];
}

const unknown: LagValue = { known: false, seconds: null, records: null };

/** One value from what the parts say now; unknown stays unknown, never 0. */
export function daemonStatus(parts: StatusParts): DaemonStatus {
  const mirror = new Map([...parts.mirror].map((s) => [topicPartitionKey(s.topic, s.partition), s]));
  const apply = new Map([...parts.apply].map((s) => [topicPartitionKey(s.topic, s.partition), s]));
  const keys = new Map<TopicPartitionKey, { topic: string; partition: number }>();
  for (const { topic, partition } of [...mirror.values(), ...apply.values()])
    keys.set(topicPartitionKey(topic, partition), { topic, partition });
  const partitions: PartitionStatus[] = [...keys]
    .map(([key, { topic, partition }]) => {
      const lag = parts.lag(topic, partition);
      const applied = apply.get(key);
      const headroom = parts.headroom(topic, partition);
      return {
        topic,
        partition,
        mirror: mirror.get(key)?.status ?? null,
        apply: applied?.status ?? null,
        lag: {
          mirror: lag.mirror ?? unknown,
          apply: applied === undefined ? null : (lag.apply ?? unknown),
          total: applied === undefined ? null : (lag.total ?? unknown),
        },
        ...(headroom === undefined ? {} : { headroom: String(headroom) }),
      };
    })
    .sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition);
  return {
    region: parts.region,
    primary: parts.primary,
    version: parts.version,
    role: parts.role,
    startedAt: new Date(parts.startedAtMs).toISOString(),
    leaseEpoch: parts.leaseEpoch === undefined ? null : String(parts.leaseEpoch),
    components: [...parts.components].map(([component, { up, reason }]) => ({ component, up, reason: reason ?? null })),
    partitions,
    tables: parts.tables,
    rejected: parts.rejected ?? null,
    heartbeat: parts.heartbeat,
    counters: { mirroredRecords: String(parts.counters.mirroredRecords), appliedRecords: String(parts.counters.appliedRecords) },
    ...(parts.shards === undefined ? {} : { shards: parts.shards }),
  };
}

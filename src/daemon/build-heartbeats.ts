import { randomUUID } from 'node:crypto';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { heartbeatWriter } from '../kafka/heartbeat-writer.ts';
import { Heartbeats } from '../lag/heartbeats.ts';
import { creator } from './regional-admin.ts';
import type { StageParts } from './stage-parts.ts';

/** Undefined where none are written. */
export function buildHeartbeats(
  { current, observer, clock }: Pick<StageParts, 'current' | 'observer' | 'clock'>,
  primary: KafkaCluster,
): Heartbeats | undefined {
  const config = current();
  const { heartbeat } = config.primary;
  if (!heartbeat.enabled) return undefined;
  const writer = heartbeatWriter(primary, heartbeat.topic, creator(primary, undefined));
  return new Heartbeats(
    {
      ensureTopic: (signal) => writer.ensureTopic(signal),
      write: (key, value, signal) => writer.write(key.toString('utf8'), value, signal),
    },
    {
      region: config.region,
      instance: randomUUID(),
      intervalMs: heartbeat.intervalMs,
      writeLimitMs: config.primary.kafka.requestTimeoutMs,
    },
    clock,
    observer.observe,
  );
}

import { randomUUID } from 'node:crypto';
import type { GateMeasurements } from '../cutover/contracts.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { heartbeatWriter } from '../kafka/heartbeat-writer.ts';
import { followTopic } from '../kafka/topic-tail.ts';
import { Heartbeats } from '../lag/heartbeats.ts';
import { heartbeatRoute } from '../mirror/routes.ts';
import type { ActiveParts } from './active-parts.ts';
import { creator } from './regional-admin.ts';

/** Slower than those of the way here: nobody measures a latency by them. */
const LEAST_INTERVAL_MS = 2_000;

export interface WayBack {
  measured(): GateMeasurements['reversePath'];
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Proves the way back (C23): beats in the regional Kafka, which the daemon that serves the primary mirrors to the primary's, where they are read
 * again; both moments by this process's clock. Undefined where no way back is wanted, or nothing may be written.
 */
export function buildWayBack(
  { current, clock }: Pick<ActiveParts, 'current' | 'clock'>,
  { primary, writer }: { readonly primary: KafkaCluster; readonly writer: KafkaCluster },
): WayBack | undefined {
  const config = current();
  const { heartbeat } = config.primary;
  if (!heartbeat.enabled || config.cutover.gates.reversePath.required === false) return undefined;
  const everyMs = Math.max(LEAST_INTERVAL_MS, heartbeat.intervalMs);
  let failed: string | undefined;
  const beats = heartbeatWriter(writer, heartbeat.topic, creator(writer, config.mirror.replicationFactor));
  const round = new Heartbeats(
    {
      ensureTopic: (signal) => beats.ensureTopic(signal),
      write: (key, value, signal) => beats.write(key.toString('utf8'), value, signal),
    },
    { region: config.region, instance: randomUUID(), intervalMs: everyMs, writeLimitMs: config.regional.kafka.requestTimeoutMs },
    clock,
    // Its latency is not that of the way here, and has no figure; why it fails is the gate's reason.
    (event) => {
      failed = event.type === 'heartbeat_failed' ? event.message : event.type === 'heartbeat_written' ? undefined : failed;
    },
  );
  const returns = heartbeatRoute(heartbeat.topic, config.region).regional;
  return {
    measured() {
      const { ageSeconds } = round;
      if (ageSeconds !== null) return { kind: 'measured', atMs: clock.monotonicMs(), value: { roundTripAgeSeconds: ageSeconds } };
      const why =
        failed === undefined
          ? `no heartbeat of this region came back in ${returns} of the primary`
          : `no heartbeat could be written: ${failed}`;
      return { kind: 'missing', reason: why };
    },
    async run(signal) {
      await Promise.all([round.run(signal), followTopic(primary, returns, everyMs, (key, value) => round.returned(key, value), signal)]);
    },
  };
}

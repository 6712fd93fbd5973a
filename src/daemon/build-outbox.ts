import type { KafkaCluster } from '../kafka/cluster.ts';
import { outboxLog, outboxName } from '../kafka/outbox-log.ts';
import { createOwnTopic } from '../kafka/produce-own-topic.ts';
import { HOMES_TOPIC } from '../kafka/published-homes.ts';
import type { OutboxStore } from '../outbox/contracts.ts';
import { OutboxLoop } from '../outbox/outbox-loop.ts';
import { OutboxRelay } from '../outbox/relay.ts';
import { outboxStore } from '../postgres/outbox-store.ts';
import { OutboxListener } from '../postgres/outbox-wakeups.ts';
import type { ActiveParts } from './active-parts.ts';
import { regionalCluster } from './clusters.ts';
import { creator } from './regional-admin.ts';

const HOUR_MS = 3_600_000;

export interface ActiveOutbox {
  readonly loop: OutboxLoop;
  /** Whether inserts wake the relay now. */
  readonly listening: boolean;
  run(signal: AbortSignal): Promise<void>;
  renewConnections(): void;
}

/** The store of the outbox, also where the relay is off: a drain counts what is not published. */
export const activeOutboxStore = ({ current, database, lease }: Pick<ActiveParts, 'current' | 'database' | 'lease'>): OutboxStore =>
  outboxStore(database, lease.epoch, current().region, current().outbox.maxBatchBytes);

/** Undefined where the relay is off. */
export function buildOutbox(parts: ActiveParts, store: OutboxStore): ActiveOutbox | undefined {
  const { current, database, observer, clock, failpoints } = parts;
  const config = current();
  const { outbox, region } = config;
  if (!outbox.enabled) return undefined;
  // Of its own: after an unknown outcome its connections are dropped (C9), and neither mirror nor apply waits for that.
  const cluster: KafkaCluster = regionalCluster(current, clock, observer.observe);
  const name = outboxName(region);
  const log = outboxLog(
    { cluster, transactionalId: name, group: name, transactionTimeoutMs: config.mirror.transactionTimeoutMs, onStep: failpoints?.outbox },
    HOMES_TOPIC,
  );
  const wakeups = new OutboxListener(database, clock);
  const loop = new OutboxLoop(
    {
      relay: new OutboxRelay(store, log, outbox.batchRows, observer.observe),
      store,
      wakeups,
      prepare: async (signal) => {
        await cluster.connect(signal);
        // Its place is committed under this topic, which every region has.
        await createOwnTopic(
          cluster,
          HOMES_TOPIC,
          new Map([['cleanup.policy', 'compact']]),
          creator(cluster, config.mirror.replicationFactor),
          signal,
        );
      },
      observe: observer.observe,
      clock,
    },
    { pollMs: outbox.pollMs, keepMs: outbox.keepHours * HOUR_MS },
  );
  return {
    loop,
    get listening() {
      return wakeups.listening;
    },
    renewConnections: () => cluster.renewConnections(),
    run: async (signal) => {
      try {
        await loop.run(signal);
      } finally {
        await cluster.close();
      }
    },
  };
}

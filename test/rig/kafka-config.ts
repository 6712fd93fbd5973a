/** Of `__consumer_offsets`. */
export const GROUP_PARTITIONS = 4;

/** What a rig's broker needs to know of its surroundings. */
export interface BrokerPlace {
  readonly port: number;
  readonly controllerPort: number;
  readonly dataDir: string;
  readonly proxied?: ProxiedListener;
}

/** A second listener: clients that come by it are told to go on by another port, where a proxy stands. */
export interface ProxiedListener {
  readonly port: number;
  readonly advertisedPort: number;
}

/**
 * Properties of a single-node KRaft broker. Internal topics are small, nothing is created or deleted behind a test's back, and
 * consumer groups start without waiting for further members. `overrides` win.
 */
export function brokerProperties(place: BrokerPlace, overrides: Readonly<Record<string, string>>): Record<string, string> {
  const { proxied } = place;
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${place.controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${place.port},CONTROLLER://127.0.0.1:${place.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${place.port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    ...(proxied === undefined ? {} : proxiedListener(place, proxied)),
    'log.dirs': place.dataDir,
    // After a SIGKILL the controller refuses the restarted broker until the dead one's session has run out (9 s by default).
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'num.partitions': '1',
    'default.replication.factor': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': String(GROUP_PARTITIONS),
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    'log.retention.ms': '-1',
    ...overrides,
  };
}

const proxiedListener = (place: BrokerPlace, { port, advertisedPort }: ProxiedListener): Record<string, string> => ({
  listeners: `PLAINTEXT://127.0.0.1:${place.port},PROXIED://127.0.0.1:${port},CONTROLLER://127.0.0.1:${place.controllerPort}`,
  'advertised.listeners': `PLAINTEXT://127.0.0.1:${place.port},PROXIED://127.0.0.1:${advertisedPort}`,
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'inter.broker.listener.name': 'PLAINTEXT',
});

/** Backslashes are escapes in a properties file. */
export function propertiesText(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}

/** Levels named on format, for `kafka.tools.StorageTool`: `{ 'transaction.version': 0 }` gives the transaction protocol before KIP-890. */
export function featureArguments(features: Readonly<Record<string, number>>): string[] {
  return Object.entries(features).map(([name, level]) => `${name}=${level}`);
}

export function clusterIdIn(metaProperties: string): string | undefined {
  return /^cluster\.id=(.+)$/m.exec(metaProperties)?.[1]?.trim();
}

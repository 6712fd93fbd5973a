import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { eventually } from './context.ts';
import { rigJava } from './java.ts';
import { type KafkaServer, startKafka } from './kafka.ts';
import { freePorts } from './ports.ts';

const run = promisify(execFile);

export interface KafkaClusterOptions {
  readonly name: string;
  /** Default 3. */
  readonly brokers?: number;
  readonly properties?: Readonly<Record<string, string>>;
}

export interface KafkaServers extends AsyncDisposable {
  /** All brokers, with commas between. */
  readonly bootstrap: string;
  /** By node id, from 1 on: index 0 is node 1. */
  readonly nodes: readonly KafkaServer[];
  /** Ends a node for good and starts another of the same id, on another port and with an empty disk. Answers the new one, now in `nodes`. */
  replace(id: number): Promise<KafkaServer>;
}

const HEAP_MIB = 320;

/**
 * Several brokers of one cluster on loopback, each a controller too, in racks `a`, `b`, `c` and on; topics and internal topics have three
 * replicas, two of which must be in sync. Serving when the promise resolves.
 */
export async function startKafkaCluster({ name, brokers = 3, properties = {} }: KafkaClusterOptions): Promise<KafkaServers> {
  const ports = await freePorts(2 * brokers);
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const ids = Array.from({ length: brokers }, (_, index) => index + 1);
  const controllerOf = (id: number) => ports[brokers + id - 1]!;
  const replicas = String(Math.min(3, brokers));
  const start = (id: number, port: number): Promise<KafkaServer> =>
    startKafka({
      name: `${name}-${id}`,
      port,
      clusterId,
      heapMiB: HEAP_MIB,
      properties: {
        'node.id': String(id),
        'broker.rack': String.fromCharCode(96 + id),
        'controller.quorum.voters': ids.map((voter) => `${voter}@127.0.0.1:${controllerOf(voter)}`).join(','),
        listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerOf(id)}`,
        'default.replication.factor': replicas,
        'min.insync.replicas': String(Math.min(2, brokers)),
        'offsets.topic.replication.factor': replicas,
        'transaction.state.log.replication.factor': replicas,
        'transaction.state.log.min.isr': String(Math.min(2, brokers)),
        'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
        ...properties,
      },
    });
  const started = await Promise.allSettled(ids.map((id) => start(id, ports[id - 1]!)));
  const nodes = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const dispose = async () => {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  };
  const failed = started.find((one) => one.status === 'rejected');
  if (failed !== undefined) {
    await dispose();
    throw failed.reason;
  }
  return {
    bootstrap: nodes.map(({ bootstrap }) => bootstrap).join(','),
    nodes,
    async replace(id) {
      await nodes[id - 1]![Symbol.asyncDispose]();
      // An empty controller that the others still hold for their leader ends at once with "inconsistent with current leader".
      const { bootstrap } = nodes.find((_, index) => index !== id - 1)!;
      await eventually(async () => ![undefined, id].includes(await quorumLeader(bootstrap)), {
        deadlineMs: 60_000,
        what: 'another controller leading',
      });
      const [port = 0] = await freePorts(1);
      const node = await start(id, port);
      nodes[id - 1] = node;
      return node;
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** Node id of the leading controller, by Kafka's own tool. */
async function quorumLeader(bootstrap: string): Promise<number | undefined> {
  const { classPath } = await rigJava();
  const tool = ['org.apache.kafka.tools.MetadataQuorumCommand', '--bootstrap-server', bootstrap, 'describe', '--status'];
  const { stdout } = await run('java', ['-Xmx128m', '-cp', classPath, ...tool], { timeout: 20_000 });
  const leader = /^LeaderId:\s+(?<id>\d+)/m.exec(stdout)?.groups?.id;
  return leader === undefined ? undefined : Number(leader);
}

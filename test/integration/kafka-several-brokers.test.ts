import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KafkaCluster } from '../../src/kafka/cluster.ts';
import { partitionEnds } from '../../src/kafka/offsets.ts';
import { systemClock } from '../../src/model/clock.ts';
import type { FetchedPartition, FetchTarget } from '../../src/model/fetch.ts';
import { createTopic, eventually, sharedRig } from '../rig/context.ts';
import { rigJava } from '../rig/java.ts';
import { type KafkaServers, startKafkaCluster } from '../rig/kafka-cluster.ts';
import { Oracle } from '../rig/oracle.ts';
import { maxBytes, never, newFetcher, readAll, recordsOf } from './kafka-reading-fixtures.ts';

/** A cluster that tells which broker was asked, and what for. */
class WatchedCluster extends KafkaCluster {
  readonly asked: string[] = [];
  override withBroker: KafkaCluster['withBroker'] = (brokerId, purpose, call, signal) => {
    this.asked.push(`${purpose} ${brokerId}`);
    return super.withBroker(brokerId, purpose, call, signal);
  };
}

describe('three brokers', () => {
  let servers: KafkaServers;
  let oracle: Oracle;

  beforeAll(async () => {
    [servers, oracle] = await Promise.all([startKafkaCluster({ name: 'several' }), Oracle.start()]);
  }, 120_000);

  afterAll(async () => {
    await oracle?.[Symbol.asyncDispose]();
    await servers?.[Symbol.asyncDispose]();
  });

  const connect = async (rack?: string): Promise<WatchedCluster> => {
    const brokers = servers.bootstrap.split(',');
    const cluster = new WatchedCluster({
      name: 'primary several',
      brokers,
      clientId: 'test',
      rack,
      requestTimeoutMs: 5_000,
      clock: systemClock,
    });
    await cluster.connect(never);
    return cluster;
  };

  const create = (topic: string, partitions: number, replicas = 3): Promise<void> =>
    createTopic(servers.bootstrap, { topic, partitions, replicas });

  const targets = async (cluster: KafkaCluster, topic: string): Promise<FetchTarget[]> => {
    const [described] = await cluster.topics([topic], never);
    if (described === undefined) throw new Error(`${topic} does not exist`);
    const { topicId, partitions } = described;
    return partitions.map(({ partition }) => ({ topic, topicId, partition, offset: 0n, lastFetchedEpoch: -1, maxBytes }));
  };

  const leads = (cluster: KafkaCluster, topic: string, brokerId: number, partitions: number): number[] =>
    Array.from({ length: partitions }, (_, p) => p).filter((p) => cluster.leaderOf(topic, p)?.brokerId === brokerId);

  it('a rack: partitions are read from the replica there, records and all, and from the leader once it is gone', {
    timeout: 120_000,
  }, async () => {
    await create('racks', 3);
    const records = Array.from({ length: 300 }, (_, i) => ({ key: `k${i}`, value: `value ${i}`, partition: i % 3 }));
    await oracle.produce({ bootstrap: servers.bootstrap, topic: 'racks', records, transactionalId: 'racks', flushEvery: 20 });
    // Broker 2 is in rack b.
    await using cluster = await connect('b');
    await using plain = await connect();
    const all = async (from: WatchedCluster) => {
      const fetcher = newFetcher(from);
      const read = [];
      for (const target of await targets(from, 'racks')) {
        const { batches, nextOffset } = await readAll(fetcher, target, 2_000);
        read.push({ nextOffset: String(nextOffset), records: recordsOf(batches).map(({ offset, value }) => `${offset} ${value}`) });
      }
      return read;
    };
    const wanted = await all(plain);
    expect(wanted.flatMap((one) => one.records)).toHaveLength(300);
    const asked = (from: WatchedCluster): Record<string, number> =>
      Object.fromEntries(
        [
          ...Map.groupBy(
            from.asked.filter((what) => what.startsWith('fetch')),
            (what) => what,
          ),
        ].map(([what, times]) => [what, times.length]),
      );
    expect(Object.keys(asked(plain)).sort()).toEqual(['fetch 1', 'fetch 2', 'fetch 3']);
    // A replica learns a little later than the leader up to where it may answer.
    await eventually(async () => JSON.stringify(await all(cluster)) === JSON.stringify(wanted), { what: 'the replica having it all' });
    cluster.asked.length = 0;
    expect(await all(cluster)).toEqual(wanted);
    // Each of the two other leaders was asked once, and named the replica.
    expect(asked(cluster)).toMatchObject({ 'fetch 1': 1, 'fetch 3': 1 });
    expect(asked(cluster)['fetch 2']).toBeGreaterThanOrEqual(6);

    const fetcher = newFetcher(cluster);
    const [target] = (await targets(cluster, 'racks')).filter(({ partition }) => cluster.leaderOf('racks', partition)?.brokerId !== 2);
    expect((await readAll(fetcher, target!)).batches.length).toBeGreaterThan(0);
    await servers.nodes[1]!.kill('SIGKILL');
    try {
      const before = cluster.asked.length;
      const again = await readAll(fetcher, target!);
      expect(recordsOf(again.batches).map(({ offset, value }) => `${offset} ${value}`)).toEqual(wanted[target!.partition]?.records);
      expect(cluster.asked.slice(before)).toContain(`fetch ${cluster.leaderOf('racks', target!.partition)?.brokerId}`);
    } finally {
      await servers.nodes[1]!.restart();
    }
  });

  it('what one broker answers does not wait for the others, who are not asked again meanwhile', { timeout: 60_000 }, async () => {
    const partitions = 9;
    await create('idle', partitions, 1);
    await using cluster = await connect();
    const fetcher = newFetcher(cluster);
    const wanted = await targets(cluster, 'idle');
    for (const broker of [1, 2, 3]) expect(leads(cluster, 'idle', broker, partitions).length).toBeGreaterThan(0);
    cluster.asked.length = 0;
    const limits = { maxWaitMs: 2_000, maxBytes };
    const startedMs = performance.now();
    while (performance.now() - startedMs < 3_500) await fetcher.fetch(wanted, limits, never);
    // Each broker held its answer back twice or three times.
    expect(cluster.asked.filter((what) => what.startsWith('fetch')).length).toBeLessThanOrEqual(9);

    const [mine] = leads(cluster, 'idle', 2, partitions);
    const pending = readUntil(() => fetcher.fetch(wanted, limits, never), mine!);
    const sentMs = performance.now();
    await oracle.produce({ bootstrap: servers.bootstrap, topic: 'idle', records: [{ partition: mine!, key: 'k', value: 'v' }] });
    const found = await pending;
    expect(performance.now() - sentMs).toBeLessThan(1_500);
    expect(found.nextOffset).toBe(1n);
    // The others' answers, asked for before, count from where they still stand.
    const moved = wanted.map((target) => (target.partition === mine ? { ...target, offset: 1n } : target));
    const [other] = leads(cluster, 'idle', 3, partitions);
    await oracle.produce({ bootstrap: servers.bootstrap, topic: 'idle', records: [{ partition: other!, key: 'k', value: 'v' }] });
    expect((await readUntil(() => fetcher.fetch(moved, limits, never), other!)).batches).toHaveLength(1);
  });

  it('an answer to a place where nobody stands any more is not handed out', { timeout: 60_000 }, async () => {
    await create('rewound', 3, 1);
    const records = Array.from({ length: 9 }, (_, i) => ({ key: `k${i}`, value: `v${i}`, partition: i % 3 }));
    await oracle.produce({ bootstrap: servers.bootstrap, topic: 'rewound', records });
    await using cluster = await connect();
    const fetcher = newFetcher(cluster);
    const wanted = await targets(cluster, 'rewound');
    const atEnd = wanted.map((target) => ({ ...target, offset: 3n }));
    const limits = { maxWaitMs: 2_000, maxBytes };
    // Under way at all three from the end on; one of them answers.
    const pending = fetcher.fetch(atEnd, limits, never);
    await oracle.produce({ bootstrap: servers.bootstrap, topic: 'rewound', records: [{ partition: 0, key: 'k', value: 'new' }] });
    await pending;
    // The others answer too, with what lies behind the place that nobody will ask from now.
    const later = [1, 2].map((partition) => ({ partition, key: 'k', value: 'new' }));
    await oracle.produce({ bootstrap: servers.bootstrap, topic: 'rewound', records: later });
    const seen = new Map<number, bigint[]>();
    await eventually(async () => {
      for (const answer of await fetcher.fetch(wanted, limits, never)) {
        if (answer.kind !== 'batches' || answer.empty) continue;
        seen.set(
          answer.partition,
          recordsOf(answer.batches).map(({ offset }) => offset),
        );
      }
      return seen.size === 3;
    });
    for (const partition of [0, 1, 2]) expect(seen.get(partition)).toEqual([0n, 1n, 2n, 3n]);
  });

  it('a reader above its quota waits as long as the broker says, and misses nothing', { timeout: 120_000 }, async () => {
    await create('throttled', 1, 1);
    const records = Array.from({ length: 150 }, (_, i) => ({ key: `k${i}`, value: 'x'.repeat(10_000), partition: 0 }));
    await oracle.produce({ bootstrap: servers.bootstrap, topic: 'throttled', records, flushEvery: 5 });
    // A broker looks at ten seconds: the first megabyte is free, each 50 kB after it cost half a second.
    await setQuota(servers.bootstrap, 'consumer_byte_rate=100000');
    try {
      await using cluster = await connect();
      const [target] = await targets(cluster, 'throttled');
      const fetcher = newFetcher(cluster);
      const startedMs = performance.now();
      const kinds = new Set<string>();
      let offset = 0n;
      let seen = 0;
      while (offset < 150n) {
        for (const answer of await fetcher.fetch([{ ...target!, offset, maxBytes: 50_000 }], { maxWaitMs: 200, maxBytes: 50_000 }, never)) {
          kinds.add(answer.kind);
          if (answer.kind !== 'batches') continue;
          seen += recordsOf(answer.batches).length;
          offset = answer.nextOffset;
        }
      }
      expect(seen).toBe(150);
      expect([...kinds]).toEqual(['batches']);
      expect(performance.now() - startedMs).toBeGreaterThan(2_000);
      // 30 answers with records, and about as many without: it was not asked again and again meanwhile.
      expect(cluster.asked.filter((what) => what.startsWith('fetch')).length).toBeLessThan(80);
    } finally {
      await setQuota(servers.bootstrap, undefined);
    }
  });

  it('brokers of different clusters in one list are refused, each named with its cluster', async () => {
    const own = servers.nodes[0]!.bootstrap;
    for (const list of [
      [own, sharedRig().primary],
      [sharedRig().primary, own],
    ]) {
      await using cluster = new KafkaCluster({
        name: 'primary mixed',
        brokers: list,
        clientId: 'test',
        requestTimeoutMs: 5_000,
        clock: systemClock,
      });
      const refused = await cluster.connect(never).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refused).toMatchObject({ code: 'cluster_wrong', hint: expect.stringContaining(`take out ${list[0]} or ${list[1]}`) });
      for (const part of [own, servers.nodes[0]!.clusterId, sharedRig().primary]) expect(String(refused)).toContain(part);
    }
  });

  it('300 partitions: ends and records come with one request a broker', { timeout: 120_000 }, async () => {
    await create('many', 300, 1);
    const records = Array.from({ length: 300 }, (_, partition) => ({ key: 'k', value: `v${partition}`, partition }));
    await oracle.produce({ bootstrap: servers.bootstrap, topic: 'many', records });
    await using cluster = await connect();
    const wanted = await targets(cluster, 'many');
    cluster.asked.length = 0;
    const ends = await partitionEnds(cluster, wanted, never);
    expect(ends.filter(({ end }) => end === 1n)).toHaveLength(300);
    // Starts, and ends.
    expect(cluster.asked).toHaveLength(6);
    cluster.asked.length = 0;
    const fetcher = newFetcher(cluster);
    const found = new Set<number>();
    const next = new Map(wanted.map((target) => [target.partition, target]));
    while (found.size < 300) {
      for (const answer of await fetcher.fetch([...next.values()], { maxWaitMs: 500, maxBytes }, never)) {
        if (answer.kind !== 'batches' || answer.empty) continue;
        found.add(answer.partition);
        next.set(answer.partition, { ...next.get(answer.partition)!, offset: answer.nextOffset });
      }
    }
    expect(cluster.asked.length).toBeLessThanOrEqual(9);
  });

  it('a broker that another of the same id has replaced is found at its new address', { timeout: 120_000 }, async () => {
    await using cluster = await connect();
    await cluster.topics('all', never);
    const old = servers.nodes[2]!.port;
    const { port } = await servers.replace(3);
    expect(port).not.toBe(old);
    // One partition on each broker. By Kafka's own tool: kafkajs first asks of every topic, and gives up for good where one of them had
    // its only replica on the old broker and stays without a leader.
    const topicTool = async (...args: string[]): Promise<string> => {
      const { classPath } = await rigJava();
      const tool = ['org.apache.kafka.tools.TopicCommand', '--bootstrap-server', servers.nodes[0]!.bootstrap, ...args];
      return (await promisify(execFile)('java', ['-Xmx128m', '-cp', classPath, ...tool])).stdout;
    };
    await eventually(
      async () => {
        await topicTool('--create', '--if-not-exists', '--topic', 'replaced', '--replica-assignment', '1,2,3');
        return /Partition: 2\s+Leader: 3\b/.test(await topicTool('--describe', '--topic', 'replaced'));
      },
      { deadlineMs: 60_000, what: 'a partition led by the new broker' },
    );
    await oracle.produce({
      bootstrap: servers.nodes[0]!.bootstrap,
      topic: 'replaced',
      records: [0, 1, 2].map((partition) => ({ key: 'k', value: 'v', partition })),
    });
    const wanted = await targets(cluster, 'replaced');
    expect(leads(cluster, 'replaced', 3, 3)).toHaveLength(1);
    const fetcher = newFetcher(cluster);
    for (const target of wanted) expect((await readAll(fetcher, target, maxBytes, 1n)).batches).toHaveLength(1);
    // Its own list still names the old address; the rest of the list is enough.
    await using later = await connect();
    expect(later.clusterId).toBe(cluster.clusterId);
  });
});

async function readUntil(
  fetch: () => Promise<readonly FetchedPartition[]>,
  partition: number,
): Promise<Extract<FetchedPartition, { kind: 'batches' }>> {
  return await eventually(async () => {
    const answers = await fetch();
    const mine = answers.find((answer) => answer.partition === partition);
    return mine?.kind === 'batches' && !mine.empty ? mine : undefined;
  });
}

/** Of the client `test`, by Kafka's own tool; undefined takes it away. */
async function setQuota(bootstrap: string, quota: string | undefined): Promise<void> {
  const java = await rigJava();
  const change = quota === undefined ? ['--delete-config', 'consumer_byte_rate'] : ['--add-config', quota];
  const entity = ['--entity-type', 'clients', '--entity-name', 'test'];
  await promisify(execFile)('java', [
    ...['-cp', java.classPath, 'kafka.admin.ConfigCommand', '--bootstrap-server', bootstrap, '--alter'],
    ...change,
    ...entity,
  ]);
}

import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alterTopicConfigs, createTopic, growTopic, listTopics, topicConfigs } from '../../src/kafka/admin.ts';
import { KafkaCluster } from '../../src/kafka/cluster.ts';
import { HOMES_TOPIC, publishedHomes } from '../../src/kafka/published-homes.ts';
import { systemClock } from '../../src/model/clock.ts';
import { eventually, uniqueTopic } from '../rig/context.ts';
import { type KafkaServer, startKafka } from '../rig/kafka.ts';
import { Oracle } from '../rig/oracle.ts';
import { connected, fetchOne, never, newFetcher, readAll, targetOf } from './kafka-reading-fixtures.ts';

let server: KafkaServer;
let oracle: Oracle;
const clusters: KafkaCluster[] = [];

beforeAll(async () => {
  server = await startKafka({ name: 'reading', heapMiB: 384 });
  oracle = await Oracle.start();
});
afterAll(async () => {
  for (const cluster of clusters) await cluster.close();
  await oracle?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

async function connect(requestTimeoutMs?: number): Promise<KafkaCluster> {
  const cluster = await connected(server.bootstrap, requestTimeoutMs);
  clusters.push(cluster);
  return cluster;
}

const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ key: `k${from + i}`, value: `v${from + i}` }));

describe('a cluster', () => {
  it('says who it is and what it speaks', async () => {
    const cluster = await connect();
    expect(cluster.clusterId).toBe(server.clusterId);
    expect(cluster.transactionVersion).toBe(2);
    expect(cluster.maxVersion(1)).toBeGreaterThanOrEqual(17);
  });

  it('names each broker it tried when none can be reached', async () => {
    const up: (boolean | string | undefined)[] = [];
    const cluster = new KafkaCluster({
      name: 'primary us-east',
      brokers: ['127.0.0.1:1', '127.0.0.1:2'],
      clientId: 'test',
      requestTimeoutMs: 2_000,
      clock: systemClock,
      observeUp: (...said) => up.push(...said),
    });
    await expect(cluster.connect(never)).rejects.toMatchObject({
      code: 'cluster_unreachable',
      message: expect.stringMatching(/^primary us-east: .*127\.0\.0\.1:1 .*127\.0\.0\.1:2 /),
    });
    expect(up).toEqual([false, expect.stringContaining('ECONNREFUSED')]);
  });

  it('ends a request with an unknown outcome when the broker is silent or hangs up', async () => {
    const sockets = new Set<import('node:net').Socket>();
    const silent = createServer((socket) => {
      sockets.add(socket);
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as import('node:net').AddressInfo;
    const cluster = new KafkaCluster({
      name: 'silent',
      brokers: [`127.0.0.1:${port}`],
      clientId: 't',
      requestTimeoutMs: 300,
      clock: systemClock,
    });
    await expect(cluster.connect(never)).rejects.toMatchObject({ kind: 'unknown_outcome', kafkaError: 'NO_ANSWER' });
    const patient = new KafkaCluster({
      name: 'silent',
      brokers: [`127.0.0.1:${port}`],
      clientId: 't',
      requestTimeoutMs: 60_000,
      clock: systemClock,
    });
    const asked = patient.connect(never);
    await eventually(() => sockets.size >= 2);
    patient.dropConnections();
    await expect(asked).rejects.toMatchObject({ kind: 'unknown_outcome', kafkaError: 'NO_ANSWER' });
    await cluster.close();
    await patient.close();
    silent.close();
  });

  it('fetches on after a broker was killed and started again, answering retry meanwhile', async () => {
    const cluster = await connect();
    const topic = uniqueTopic('killed');
    await oracle.createTopic({ bootstrap: server.bootstrap, topic });
    await oracle.produce({ bootstrap: server.bootstrap, topic, partition: 0, records: records(0, 5) });
    const target = await targetOf(cluster, topic);
    const fetcher = newFetcher(cluster);
    const waiting = fetchOne(fetcher, { ...target, offset: 5n }, { maxWaitMs: 4_000 });
    await server.kill('SIGKILL');
    expect(await waiting).toMatchObject({ kind: 'retry' });
    expect(await fetchOne(fetcher, target, { maxWaitMs: 0 })).toMatchObject({ kind: 'retry' });
    await server.restart();
    expect((await readAll(fetcher, target)).nextOffset).toBe(5n);
  });

  it('C6: answers diverging when the log was cut below the position and written anew', async () => {
    const cluster = await connect();
    const topic = uniqueTopic('diverging');
    await oracle.createTopic({ bootstrap: server.bootstrap, topic });
    await oracle.produce({ bootstrap: server.bootstrap, topic, partition: 0, records: records(0, 5) });
    const target = await targetOf(cluster, topic);
    const fetcher = newFetcher(cluster);
    const first = await fetchOne(fetcher, target);
    const epoch = first.kind === 'batches' ? first.lastBatch?.leaderEpoch : undefined;
    await server.restart();
    await oracle.produce({ bootstrap: server.bootstrap, topic, partition: 0, records: records(5, 10) });
    // As if three more records of the old epoch had been read before the cut.
    const position = { ...target, offset: 8n, lastFetchedEpoch: epoch! };
    const answer = await eventually(async () => {
      const one = await fetchOne(fetcher, position);
      return one.kind === 'retry' ? undefined : one;
    });
    expect(answer).toEqual({ kind: 'diverging', topic, partition: 0, epoch, endOffset: 5n });
    expect(await fetchOne(fetcher, { ...position, offset: 5n })).toMatchObject({ kind: 'batches', nextOffset: 10n });
  });

  it('has a silent broker give way after the request time-out', async () => {
    const cluster = await connect(1_500);
    const topic = uniqueTopic('silent');
    await oracle.createTopic({ bootstrap: server.bootstrap, topic });
    const target = await targetOf(cluster, topic);
    await server.kill('SIGSTOP');
    try {
      expect(await fetchOne(newFetcher(cluster), target, { maxWaitMs: 100 })).toMatchObject({ kind: 'retry' });
    } finally {
      await server.kill('SIGCONT');
    }
    const fetcher = newFetcher(cluster);
    await eventually(async () => (await fetchOne(fetcher, target, { maxWaitMs: 100 })).kind === 'batches');
  });
});

describe('topics', () => {
  it('are created, described, grown and configured', async () => {
    const cluster = await connect();
    const topic = uniqueTopic('admin');
    await createTopic(cluster, topic, 2, new Map([['cleanup.policy', 'compact']]), never);
    await createTopic(cluster, topic, 2, new Map(), never);
    await growTopic(cluster, topic, 3, never);
    await growTopic(cluster, topic, 3, never);
    await alterTopicConfigs(cluster, topic, new Map([['retention.ms', '1000']]), ['cleanup.policy'], never);
    const listed = (await listTopics(cluster, never)).find((one) => one.topic === topic);
    expect(listed?.partitions.map(({ partition, available }) => [partition, available])).toEqual([
      [0, true],
      [1, true],
      [2, true],
    ]);
    await eventually(async () => (await topicConfigs(cluster, [topic], never)).get(topic)?.has('retention.ms'));
    expect(await topicConfigs(cluster, [topic, `${topic}.none`], never)).toEqual(new Map([[topic, new Map([['retention.ms', '1000']])]]));
  });

  it('are refused with the reason of the broker', async () => {
    const cluster = await connect();
    const topic = uniqueTopic('admin');
    await expect(createTopic(cluster, topic, 1, new Map([['cleanup.policy', 'sometimes']]), never)).rejects.toMatchObject({
      code: 'request_invalid',
      kafkaError: 'INVALID_CONFIG',
      place: `topic ${topic}`,
    });
    await createTopic(cluster, topic, 3, new Map(), never);
    await expect(growTopic(cluster, topic, 2, never)).rejects.toMatchObject({ code: 'request_invalid' });
    await expect(createTopic(cluster, topic, 2, new Map(), never)).rejects.toMatchObject({ code: 'request_invalid' });
    await expect(alterTopicConfigs(cluster, `${topic}.none`, new Map([['retention.ms', '1']]), [], never)).rejects.toMatchObject({
      code: 'topic_missing',
    });
  });
});

describe('published homes', () => {
  it('C24: are read to the end, the higher epoch holding', async () => {
    const cluster = await connect();
    const { bootstrap } = server;
    expect(await publishedHomes(cluster).read(never)).toEqual(new Map());
    await oracle.createTopic({ bootstrap, topic: HOMES_TOPIC, configs: { 'cleanup.policy': 'compact' } });
    expect(await publishedHomes(cluster).read(never)).toEqual(new Map());
    await oracle.produce({
      bootstrap,
      topic: HOMES_TOPIC,
      flushEvery: 1,
      records: [
        { key: 'a', value: '{"home":"us-east","epoch":1}' },
        { key: 'b', value: '{"home":"us-east","epoch":3}' },
        { key: 'a', value: '{"home":"eu-west","epoch":2}' },
        { key: 'b', value: '{"home":"eu-west","epoch":2}' },
        { key: 'c', value: '{"home":"eu-west","epoch":2}' },
        { key: 'c', value: null },
      ],
    });
    expect(await publishedHomes(cluster).read(never)).toEqual(
      new Map([
        ['a', { home: 'eu-west', epoch: 2 }],
        ['b', { home: 'us-east', epoch: 3 }],
      ]),
    );
    await oracle.produce({ bootstrap, topic: HOMES_TOPIC, records: [{ key: 'd', value: '{"home":"eu-west"}' }] });
    await expect(publishedHomes(cluster).read(never)).rejects.toMatchObject({ code: 'request_invalid', place: `${HOMES_TOPIC}:0@6` });
  });

  it('do not wait for more than there is', async () => {
    const cluster = await connect();
    const startedMs = performance.now();
    await publishedHomes(cluster)
      .read(never)
      .catch(() => undefined);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
  });
});

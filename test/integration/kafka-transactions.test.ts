import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopic } from '../../src/kafka/admin.ts';
import { buildBatch, recordOf } from '../../src/kafka/batch/build.ts';
import { compress } from '../../src/kafka/batch/codecs.ts';
import { stampBatch } from '../../src/kafka/batch/rewrite.ts';
import { incrementSequence } from '../../src/kafka/batch/sequence.ts';
import { KafkaCluster } from '../../src/kafka/cluster.ts';
import { heartbeatWriter } from '../../src/kafka/heartbeat-writer.ts';
import { homePublisher } from '../../src/kafka/home-publisher.ts';
import { highWatermarks, partitionEnds, stableEnds } from '../../src/kafka/offsets.ts';
import { produceApi } from '../../src/kafka/produce-wire.ts';
import { HOMES_TOPIC } from '../../src/kafka/published-homes.ts';
import { positionGroup, regionalLog } from '../../src/kafka/regional-log.ts';
import type { TransactionStep } from '../../src/kafka/transactions.ts';
import { addPartitionsApi, endTxnApi, initProducerIdApi } from '../../src/kafka/transactions-wire.ts';
import type { RegionalLog } from '../../src/mirror/contracts.ts';
import type { RawBatch } from '../../src/model/batch.ts';
import { systemClock } from '../../src/model/clock.ts';
import { homeOffset, offsetValue, regionalOffset } from '../../src/model/offsets.ts';
import { topicPartitionKey } from '../../src/model/partition.ts';
import { type KafkaServer, startKafka } from '../rig/kafka.ts';
import { commitCycle, commitCycles, type MirrorCycle } from './commit-cycle.ts';

const signal = new AbortController().signal;
const topicId = '7d9f6b1e-0000-4000-8000-0123456789ab';

/** Records `from` to `to`, keyed and valued by their number, as mirror would get them from home. */
function batch(from: number, to: number, padding = 0): RawBatch {
  const records = [];
  for (let n = from; n < to; n++) records.push(recordOf(Buffer.from(`k${n}`), Buffer.from(`v${n}`.padEnd(padding)), 1_700_000_000_000 + n));
  const bytes = buildBatch(records, 'none', compress);
  return { bytes, baseOffset: BigInt(from), lastOffset: BigInt(to - 1), recordCount: to - from, magic: 2 };
}

const position = (topic: string, partition: number, next: number) => ({
  topic,
  partition,
  topicId,
  next: homeOffset(BigInt(next)),
  leaderEpoch: 3,
  crc: 0xabcd,
  regionalEnd: undefined,
});

const cycle = (topic: string, from: number, to: number): MirrorCycle => ({
  writes: [{ topic, partition: 0, batches: [batch(from, to)] }],
  positions: [position(topic, 0, to)],
});

describe.each([2, 0])('the regional log where transaction.version is %i', (transactionVersion) => {
  let server: KafkaServer;
  let kafka: Kafka;
  const clusters: KafkaCluster[] = [];
  let names = 0;

  beforeAll(async () => {
    server = await startKafka({
      name: `transactions-${transactionVersion}`,
      features: { 'transaction.version': transactionVersion },
      properties: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200' },
      heapMiB: 384,
    });
    kafka = new Kafka({ brokers: [server.bootstrap], logLevel: logLevel.NOTHING });
  });

  afterAll(async () => {
    for (const cluster of clusters) await cluster.close();
    await server?.[Symbol.asyncDispose]();
  });

  async function connect(): Promise<KafkaCluster> {
    const cluster = new KafkaCluster({
      name: 'region',
      brokers: [server.bootstrap],
      clientId: 'test',
      requestTimeoutMs: 15_000,
      clock: systemClock,
    });
    clusters.push(cluster);
    await cluster.connect(signal);
    return cluster;
  }

  async function newTopic(partitions = 1, configs: ReadonlyMap<string, string> = new Map()): Promise<string> {
    const topic = `billing.t${++names}`;
    const cluster = await connect();
    await createTopic(cluster, topic, partitions, configs, signal);
    // Metadata names a leader before that leader knows of it; what was produced then would be answered NOT_LEADER.
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
    const deadline = Date.now() + 30_000;
    while ((await partitionEnds(cluster, all, signal)).length < partitions) {
      if (Date.now() > deadline) throw new Error(`${topic} has no leaders`);
      await systemClock.sleep(20, signal);
    }
    return topic;
  }

  async function newLog(
    options: {
      readonly primary?: string;
      readonly transactionTimeoutMs?: number;
      readonly onStep?: (step: TransactionStep) => unknown;
    } = {},
  ): Promise<{ readonly log: RegionalLog; readonly cluster: KafkaCluster; readonly primary: string }> {
    const cluster = await connect();
    const { primary = `p${++names}`, transactionTimeoutMs = 15_000, onStep } = options;
    const step = onStep === undefined ? undefined : async (name: TransactionStep) => void (await onStep(name));
    const log = regionalLog(cluster, { region: 'eu', primary, shard: 0, transactionTimeoutMs, onStep: step });
    return { log, cluster, primary };
  }

  /** Keys that a read_committed consumer sees, up to and with the sentinel, by partition. */
  async function committedKeys(topic: string, log: RegionalLog): Promise<string[]> {
    await commitCycle(log, { writes: [{ topic, partition: 0, batches: [batch(999_999, 1_000_000)] }], positions: [] }, signal);
    const consumer = kafka.consumer({ groupId: `reader-${++names}`, maxWaitTimeInMs: 50 });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const keys: string[] = [];
    await new Promise<void>((resolve) => {
      void consumer.run({
        eachMessage: async ({ message }) => {
          if (String(message.key) === 'k999999') resolve();
          else keys.push(String(message.key));
        },
      });
    });
    await consumer.disconnect();
    return keys;
  }

  const keys = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `k${from + n}`);

  it('shows a committed cycle to read_committed consumers, and where it came to lie', async () => {
    const topic = await newTopic(2);
    const { log } = await newLog();
    await log.open(signal);
    const ends = await commitCycle(
      log,
      {
        writes: [
          { topic, partition: 0, batches: [batch(0, 10), batch(10, 15), batch(15, 40)] },
          { topic, partition: 1, batches: [batch(0, 3)] },
        ],
        positions: [position(topic, 0, 40), position(topic, 1, 3)],
      },
      signal,
    );
    expect(ends.map((e) => [e.partition, offsetValue(e.firstOffset), offsetValue(e.end)])).toEqual([
      [0, 0n, 40n],
      [1, 0n, 3n],
    ]);
    // One marker lies between the transactions.
    const again = await commitCycle(log, cycle(topic, 40, 42), signal);
    expect(again.map((e) => [offsetValue(e.firstOffset), offsetValue(e.end)])).toEqual([[41n, 43n]]);
    const seen = await committedKeys(topic, log);
    expect(seen.filter((key) => !['k0', 'k1', 'k2'].includes(key))).toEqual(keys(3, 42));
  });

  it('C6: positions are read back with topic id, leader epoch, CRC and the end of what was written', async () => {
    const topic = await newTopic(3);
    const { log, primary } = await newLog();
    await log.open(signal);
    expect((await log.positions([topic], signal)).get(topic)).toEqual([]);
    await commitCycle(
      log,
      { writes: [{ topic, partition: 1, batches: [batch(5, 8)] }], positions: [position(topic, 1, 8), position(topic, 2, 4)] },
      signal,
    );
    const { log: restarted } = await newLog({ primary });
    await restarted.open(signal);
    const found = await restarted.positions([topic, 'billing.none'], signal);
    expect([...found.keys()]).toEqual([topic]);
    expect(found.get(topic)).toEqual([
      { ...position(topic, 1, 8), regionalEnd: 3n },
      { ...position(topic, 2, 4), regionalEnd: undefined },
    ]);
  });

  it('C1: the end of the log counts what has no marker yet: a generation that began at the last stable offset would hold records of the one before', async () => {
    const topic = await newTopic();
    const written: bigint[] = [];
    const { log } = await newLog({
      onStep: async (step) => {
        if (step === 'produced') for (const { end } of await log.ends([{ topic, partition: 0 }], signal)) written.push(end);
      },
    });
    await log.open(signal);
    await commitCycle(log, cycle(topic, 0, 5), signal);
    expect(written).toEqual([5n]);
  });

  it('C11: a cycle of positions only is a transaction too; an empty one sends nothing', async () => {
    const topic = await newTopic();
    const steps: TransactionStep[] = [];
    const { log } = await newLog({ onStep: (step) => steps.push(step) });
    await log.open(signal);
    expect(await commitCycle(log, { writes: [], positions: [] }, signal)).toEqual([]);
    expect(steps).toEqual([]);
    await commitCycle(log, { writes: [], positions: [position(topic, 0, 7)] }, signal);
    expect(steps).toEqual(['begin', 'positions_sent', 'positions_committed', 'end_sent', 'ended']);
    expect((await log.positions([topic], signal)).get(topic)?.map((p) => p.next)).toEqual([7n]);
  });

  it('C10: opening fences the one before, whose commit is rejected as fenced and changes nothing', async () => {
    const topic = await newTopic();
    const { log: zombie, primary } = await newLog();
    await zombie.open(signal);
    await commitCycle(zombie, cycle(topic, 0, 5), signal);
    const { log } = await newLog({ primary });
    await log.open(signal);
    await expect(commitCycle(zombie, cycle(topic, 5, 9), signal)).rejects.toMatchObject({ code: 'fenced' });
    await expect(zombie.open(signal)).rejects.toMatchObject({ code: 'fenced' });
    await commitCycle(log, cycle(topic, 5, 7), signal);
    expect((await log.positions([topic], signal)).get(topic)?.map((p) => p.next)).toEqual([7n]);
    expect(await committedKeys(topic, log)).toEqual(keys(0, 7));
  });

  it('C9: what was mirrored behind a regional end is found, by this daemon and the next one', async () => {
    const topic = await newTopic();
    const { log, primary } = await newLog();
    await log.open(signal);
    await commitCycle(log, cycle(topic, 0, 3), signal);
    await commitCycle(log, cycle(topic, 3, 5), signal);
    await commitCycle(log, cycle(topic, 5, 9), signal);
    const behind = async (from: RegionalLog, end: bigint) =>
      (await from.mirroredBehind([{ topic, partition: 0, regionalEnd: regionalOffset(end) }], signal)).get(topicPartitionKey(topic, 0));
    // Three records and their marker.
    expect(await behind(log, 3n)).toEqual({ kind: 'batch', offset: 4n });
    expect(await behind(log, 11n)).toEqual({ kind: 'nothing' });
    const { log: next } = await newLog({ primary });
    await next.open(signal);
    expect(await behind(next, 0n)).toEqual({ kind: 'batch', offset: 0n });
    expect(await behind(next, 6n)).toEqual({ kind: 'batch', offset: 7n });
    expect(await behind(next, 11n)).toEqual({ kind: 'nothing' });
  });

  it('aborted batches are nothing that was mirrored, and behind those of others nothing is known', async () => {
    const topic = await newTopic();
    let breaks = false;
    const { log } = await newLog({
      onStep: (step) => {
        if (breaks && step === 'positions_committed') throw new Error('broken off');
      },
    });
    await log.open(signal);
    await commitCycle(log, cycle(topic, 0, 3), signal);
    breaks = true;
    await expect(commitCycle(log, cycle(topic, 3, 5), signal)).rejects.toThrow();
    breaks = false;
    await log.open(signal);
    const behind = async () =>
      (await log.mirroredBehind([{ topic, partition: 0, regionalEnd: regionalOffset(3n) }], signal)).get(topicPartitionKey(topic, 0));
    expect(await behind()).toEqual({ kind: 'nothing' });
    const producer = kafka.producer({ idempotent: true });
    await producer.connect();
    await producer.send({ topic, messages: [{ key: 'k', value: 'of an application' }] });
    await producer.disconnect();
    expect(await behind()).toBeUndefined();
  });

  it('C10: a transaction the coordinator ended by itself is fenced too, and an owner who asks again gets on', async () => {
    const topic = await newTopic();
    let hold: (() => Promise<void>) | undefined;
    const { log, cluster } = await newLog({ transactionTimeoutMs: 1_000, onStep: (step) => (step === 'produced' ? hold?.() : undefined) });
    await log.open(signal);
    await commitCycle(log, cycle(topic, 0, 2), signal);
    hold = async () => {
      // The transaction is over when its partition's last stable offset may move: an abort marker is written.
      const admin = kafka.admin();
      await admin.connect();
      const deadline = Date.now() + 30_000;
      const highWatermark = async () => Number((await admin.fetchTopicOffsets(topic))[0]?.high);
      const written = await highWatermark();
      while ((await highWatermark()) === written && Date.now() < deadline) await systemClock.sleep(20, signal);
      await admin.disconnect();
    };
    await expect(commitCycle(log, cycle(topic, 2, 4), signal)).rejects.toMatchObject({ code: 'fenced' });
    hold = undefined;
    for (let tries = 0; tries < 2; tries++) {
      const failed = await log.open(signal).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failed === undefined) break;
      expect(failed).toMatchObject({ code: 'fenced' });
      expect(tries).toBe(0);
    }
    await commitCycle(log, cycle(topic, 2, 4), signal);
    expect(await committedKeys(topic, log)).toEqual(keys(0, 4));
    expect(cluster.transactionVersion).toBe(transactionVersion);
  });

  it.each<TransactionStep>(['begin', 'produce_sent', 'produced', 'positions_sent', 'positions_committed', 'end_sent'])(
    'C9: connections lost at %s leave the outcome unknown, and open and positions tell it',
    async (broken) => {
      const topic = await newTopic();
      let armed = false;
      const { log, cluster } = await newLog({
        onStep: (step) => {
          if (!armed || step !== broken) return;
          armed = false;
          cluster.dropConnections();
          if (step === 'begin' || step === 'produced' || step === 'positions_committed') throw new Error('cut here');
        },
      });
      await log.open(signal);
      await log.positions([topic], signal);
      await commitCycle(log, cycle(topic, 0, 10), signal);
      armed = true;
      await expect(commitCycle(log, cycle(topic, 10, 20), signal)).rejects.toMatchObject({ code: 'transaction_unknown' });
      await log.open(signal);
      const next = Number((await log.positions([topic], signal)).get(topic)?.[0]?.next);
      expect([10, 20]).toContain(next);
      if (broken !== 'end_sent') expect(next).toBe(10);
      if (next < 20) await commitCycle(log, cycle(topic, next, 20), signal);
      expect(await committedKeys(topic, log)).toEqual(keys(0, 20));
    },
  );

  it('C5: copies lie below the high watermark once their cycle is committed, and not yet below the last stable offset', async () => {
    const topic = await newTopic(4);
    const { log, cluster } = await newLog();
    const places = Array.from({ length: 4 }, (_, partition) => ({ topic, partition }));
    await log.open(signal);
    let stableLater = 0;
    for (let n = 0; n < 200; n++) {
      const writes = places.map(({ partition }) => ({ topic, partition, batches: [batch(n, n + 1)] }));
      const ends = await commitCycle(log, { writes, positions: places.map(({ partition }) => position(topic, partition, n + 1)) }, signal);
      // Asked for at the same time, right behind the answer to the commit.
      const [stable, high] = await Promise.all([stableEnds(cluster, places, signal), highWatermarks(cluster, places, signal)]);
      for (const { partition, end } of ends) {
        expect(high.get(`${topic}:${partition}`)).toBeGreaterThanOrEqual(offsetValue(end));
        if (stable.get(`${topic}:${partition}`)! < offsetValue(end)) stableLater++;
      }
    }
    // 563 to 716 of 800 on two cores: were it none, the last stable offset would do.
    expect(stableLater).toBeGreaterThan(0);
  });

  it('a refused batch names its place and size, aborts the transaction, and the next one goes through', async () => {
    const topic = await newTopic(2, new Map([['max.message.bytes', '2000']]));
    const { log } = await newLog();
    await log.open(signal);
    const refused = commitCycle(
      log,
      {
        writes: [
          { topic, partition: 0, batches: [batch(0, 2)] },
          { topic, partition: 1, batches: [batch(0, 1), batch(812, 813, 3_000), batch(813, 814)] },
        ],
        positions: [position(topic, 0, 2), position(topic, 1, 814)],
      },
      signal,
    );
    await expect(refused).rejects.toMatchObject({
      code: 'batch_refused',
      place: `${topic}:1@812`,
      facts: { topic, partition: 1, offset: '812', kafkaCode: 10, kafkaError: 'MESSAGE_TOO_LARGE', bytes: expect.any(Number) },
    });
    await expect(commitCycle(log, cycle(topic, 0, 2), signal)).rejects.toMatchObject({ code: 'internal' });
    await log.open(signal);
    expect((await log.positions([topic], signal)).get(topic)).toEqual([]);
    await commitCycle(log, cycle(topic, 0, 2), signal);
    expect(await committedKeys(topic, log)).toEqual(['k0', 'k1']);
  });

  it('several cycles share a transaction: nothing of them is read before its end, and then all, in order', async () => {
    const topic = await newTopic(2);
    const { log } = await newLog();
    await log.open(signal);
    const [first, second] = [cycle(topic, 0, 5), cycle(topic, 5, 9)];
    await log.produce(first.writes, signal);
    await log.produce(second.writes, signal);
    const place = [{ topic, partition: 0 }];
    // Answered by one broker with all of its replicas, so it is the high watermark at once.
    expect((await highWatermarks(await connect(), place, signal)).get(`${topic}:0`)).toBe(9n);
    expect((await stableEnds(await connect(), place, signal)).get(`${topic}:0`)).toBe(0n);
    await log.commit([position(topic, 0, 9)], signal);
    const third = { writes: [{ topic, partition: 1, batches: [batch(0, 2)] }], positions: [position(topic, 1, 2)] };
    const ends = await commitCycles(log, [cycle(topic, 9, 12), third, cycle(topic, 12, 20)], signal);
    expect(ends.map((e) => [e.partition, offsetValue(e.firstOffset), offsetValue(e.end)])).toEqual([
      [0, 10n, 13n],
      [1, 0n, 2n],
      [0, 13n, 21n],
    ]);
    const positions = (await log.positions([topic], signal)).get(topic);
    expect(positions?.map(({ partition, next, regionalEnd }) => [partition, next, regionalEnd])).toEqual([
      [0, 20n, 21n],
      [1, 2n, 2n],
    ]);
    expect((await committedKeys(topic, log)).toSorted()).toEqual([...keys(0, 20), 'k0', 'k1'].toSorted());
  });

  it('C9: a transaction that is refused in its second cycle leaves nothing of the first', async () => {
    const topic = await newTopic(1, new Map([['max.message.bytes', '2000']]));
    const { log } = await newLog();
    await log.open(signal);
    await log.produce(cycle(topic, 0, 5).writes, signal);
    await expect(log.produce([{ topic, partition: 0, batches: [batch(5, 6, 3_000)] }], signal)).rejects.toMatchObject({
      code: 'batch_refused',
    });
    await expect(log.commit([position(topic, 0, 5)], signal)).rejects.toMatchObject({ code: 'internal' });
    await log.open(signal);
    expect((await log.positions([topic], signal)).get(topic)).toEqual([]);
    await commitCycle(log, cycle(topic, 0, 2), signal);
    expect(await committedKeys(topic, log)).toEqual(['k0', 'k1']);
  });

  it('C9: opening aborts what was produced and not committed', async () => {
    const topic = await newTopic();
    const { log } = await newLog();
    await log.open(signal);
    await log.produce(cycle(topic, 0, 5).writes, signal);
    await log.open(signal);
    expect((await log.positions([topic], signal)).get(topic)).toEqual([]);
    await commitCycle(log, cycle(topic, 0, 2), signal);
    expect(await committedKeys(topic, log)).toEqual(['k0', 'k1']);
  });

  it('many cycles in a row, of several batches a partition, keep order and lose nothing', async () => {
    const topic = await newTopic();
    const { log } = await newLog();
    await log.open(signal);
    for (let n = 0; n < 300; n += 30) {
      const batches = [
        batch(n, n + 1),
        batch(n + 1, n + 9),
        batch(n + 9, n + 10),
        ...Array.from({ length: 20 }, (_, i) => batch(n + 10 + i, n + 11 + i)),
      ];
      await commitCycle(log, { writes: [{ topic, partition: 0, batches }], positions: [position(topic, 0, n + 30)] }, signal);
    }
    expect(await committedKeys(topic, log)).toEqual(keys(0, 300));
  });

  it('a position that Farshore cannot have written is an error, not a default', async () => {
    const topic = await newTopic();
    const { log, primary } = await newLog();
    await log.open(signal);
    const admin = kafka.admin();
    await admin.connect();
    await admin.setOffsets({ groupId: positionGroup('eu', primary), topic, partitions: [{ partition: 0, offset: '5' }] });
    await admin.disconnect();
    await expect(log.positions([topic], signal)).rejects.toMatchObject({ code: 'position_missing', place: `${topic}:0` });
  });

  it('C12: the broker counts sequences past 2^31 - 1 as we do, inside a batch and between batches', async () => {
    const topic = await newTopic();
    const cluster = await connect();
    const id = `wrap-${++names}`;
    const onTransactions = <T>(call: Parameters<typeof cluster.withCoordinator<T>>[3]) =>
      cluster.withCoordinator('transaction', id, 'produce', call, signal);
    const identity = await onTransactions((c) => initProducerIdApi(5).async(c, id, 10_000, { producerId: -1n, producerEpoch: -1 }));
    await onTransactions((c) => addPartitionsApi(3).async(c, id, identity, [{ topic, partitions: [0] }]));
    let baseSequence = 2 ** 31 - 3;
    for (const records of [batch(0, 5), batch(5, 6), batch(6, 10)]) {
      stampBatch(records.bytes, { ...identity, baseSequence });
      baseSequence = incrementSequence(baseSequence, records.recordCount);
      const [answer] = await cluster.withLeader(
        topic,
        0,
        'produce',
        (c) => produceApi(11)(c, id, 10_000, [{ topic, partition: 0, bytes: records.bytes }]),
        signal,
      );
      expect(answer).toMatchObject({ code: 0, baseOffset: records.baseOffset });
    }
    expect(baseSequence).toBe(7);
    expect((await onTransactions((c) => endTxnApi(4).async(c, id, identity, true))).code).toBe(0);
  });

  it('heartbeats and homes go to topics that are created when missing', async () => {
    const cluster = await connect();
    const heartbeat = heartbeatWriter(cluster, 'farshore.heartbeat');
    await heartbeat.ensureTopic(signal);
    await heartbeat.ensureTopic(signal);
    await heartbeat.write('eu', Buffer.from('{"n":1}'), signal);
    const homes = homePublisher(cluster);
    await homes.publish('billing.invoices', 'us-east', 2, signal);
    const begin = { fromOffsets: { '0': '812', '1': '9007199254740993' }, topicId: 'a-log' };
    await homes.publish('billing.lines', 'eu-west', 3, signal, begin);
    expect(await cluster.topics(['farshore.heartbeat', HOMES_TOPIC], signal)).toHaveLength(2);
    const consumer = kafka.consumer({ groupId: `reader-${++names}` });
    await consumer.connect();
    await consumer.subscribe({ topics: ['farshore.heartbeat', HOMES_TOPIC], fromBeginning: true });
    const seen = new Map<string, unknown>();
    await new Promise<void>((resolve) => {
      void consumer.run({
        eachMessage: async ({ topic, message }) => {
          seen.set(`${topic} ${message.key}`, JSON.parse(String(message.value)));
          if (seen.size === 3) resolve();
        },
      });
    });
    await consumer.disconnect();
    expect(Object.fromEntries(seen)).toEqual({
      'farshore.heartbeat eu': { n: 1 },
      [`${HOMES_TOPIC} billing.invoices`]: { home: 'us-east', epoch: 2 },
      [`${HOMES_TOPIC} billing.lines`]: { home: 'eu-west', epoch: 3, ...begin },
    });
  });
});

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judge, ledgerDdl } from '../faults/ledger.ts';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import type { KafkaServer } from '../rig/kafka.ts';
import { type KafkaServers, startKafkaCluster } from '../rig/kafka-cluster.ts';
import { Oracle } from '../rig/oracle.ts';
import { type PostgresServer, startPostgres } from '../rig/postgres.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

const topic = 'rolling';
const PARTITIONS = 6;
const KEYS = 600;

/** Three brokers on each side, topics with three replicas: leaders and coordinators move with every restart. */
describe('a region between clusters of three brokers', () => {
  let primary: KafkaServers;
  let regional: KafkaServers;
  let server: PostgresServer;
  let database: pg.Client;
  let daemon: TestDaemon;
  let version = 0;
  const written = new Map<number, number>();

  const writeUntil = async (done: AbortSignal): Promise<void> => {
    const producer = kafkajsFor(primary.bootstrap).producer({ idempotent: true });
    await producer.connect();
    try {
      while (!done.aborted) {
        version++;
        const ids = Array.from({ length: 60 }, (_, i) => (version * 31 + i) % KEYS);
        const messages = ids.map((id) => ({
          key: String(id),
          value: rowValue(id, `state ${version}`, version),
          partition: id % PARTITIONS,
        }));
        // The producer is idempotent: what it sends again is in the log once.
        await eventually(() => producer.send({ topic, messages, acks: -1 }), { deadlineMs: 60_000, what: 'a send' });
        for (const id of ids) written.set(id, version);
      }
    } finally {
      await producer.disconnect();
    }
  };

  const applied = async (): Promise<number> => {
    const { rows } = await database.query<{ n: string }>('select coalesce(sum(records), 0) n from farshore.apply_positions');
    return Number(rows[0]?.n);
  };

  /** All replicas of all topics are in sync again, seen from a node that was not restarted. */
  const inSync = async (cluster: KafkaServers): Promise<void> => {
    const admin = kafkajsFor(cluster.bootstrap).admin();
    await admin.connect();
    try {
      await eventually(
        async () => {
          const { topics } = await admin.fetchTopicMetadata();
          const partitions = topics.flatMap((one) => one.partitions);
          return partitions.length > 0 && partitions.every(({ isr, replicas }) => isr.length === replicas.length && isr.length === 3);
        },
        { deadlineMs: 60_000, what: 'all replicas being in sync' },
      );
    } finally {
      await admin.disconnect();
    }
  };

  /** While records are written; then the region holds the last state of every key, each written once. */
  const through = async (fault: (progress: () => Promise<void>) => Promise<void>): Promise<void> => {
    const done = new AbortController();
    const writing = writeUntil(done.signal);
    writing.catch(() => undefined);
    const progress = async () => {
      const before = await applied();
      try {
        await eventually(async () => (await applied()) > before, { deadlineMs: 60_000, what: 'progress' });
      } catch (error) {
        // The log is removed with the daemon.
        const { partitions } = await daemon.status();
        throw new Error(`${JSON.stringify(partitions)}\n${(await daemon.log()).slice(-4_000)}`, { cause: error });
      }
    };
    try {
      await progress();
      await fault(progress);
    } finally {
      done.abort();
    }
    await writing;
    const holdsAll = () =>
      eventually(async () => (await judge(database, topic, written)).lost === 0, {
        deadlineMs: 60_000,
        what: 'the last state of every key',
      });
    await holdsAll().catch(async () => {
      // The outside producer counts a send as done that a killed leader took no part of: home's own log is the measure then.
      const told = new Map(written);
      for (const [id, at] of await homeStates()) written.set(id, at);
      const untold = [...told].filter(([id, at]) => written.get(id) !== at).length;
      await holdsAll().catch(async (cause: unknown) => {
        throw new Error(`${untold} of the sends are not at home\n${(await daemon.log()).slice(-4_000)}`, { cause });
      });
    });
    expect(await judge(database, topic, written)).toEqual({ lost: 0, duplicated: 0, stale: 0 });
  };

  /** The highest version of each key that home's log holds, as the Java consumer reads it. */
  const homeStates = async (): Promise<ReadonlyMap<number, number>> => {
    await using oracle = await Oracle.start();
    const { records } = await oracle.consume({ bootstrap: primary.bootstrap, topic, isolation: 'read_committed' });
    const states = new Map<number, number>();
    for (const { key, value } of records) {
      const [id, at] = [Number(key), Number(/state (?<version>\d+)/.exec(String(value))?.groups?.version)];
      states.set(id, Math.max(states.get(id) ?? 0, at));
    }
    return states;
  };

  const leaderOf = async (cluster: KafkaServers, partition: number): Promise<KafkaServer> => {
    const admin = kafkajsFor(cluster.bootstrap).admin();
    await admin.connect();
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const leader = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition)?.leader;
      return cluster.nodes[(leader ?? 1) - 1]!;
    } finally {
      await admin.disconnect();
    }
  };

  beforeAll(async () => {
    [primary, regional, server] = await Promise.all([
      startKafkaCluster({ name: 'primary' }),
      startKafkaCluster({ name: 'regional' }),
      startPostgres({ name: 'database' }),
    ]);
    const url = await server.createDatabase('rolling');
    database = new pg.Client({ connectionString: url });
    await database.connect();
    await database.query(`${rowTable(topic)};\n${ledgerDdl(topic)}`);
    await createTopic(primary.bootstrap, { topic, partitions: PARTITIONS, replicas: 3 });
    daemon = await TestDaemon.create({
      primary: primary.bootstrap,
      regional: regional.bootstrap,
      database: url,
      region: 'rolling',
      topics: [topic],
      tables: [`{ topic: ${topic}, table: public.${topic}, version: version }`],
      heartbeat: true,
    });
    await daemon.start();
  }, 180_000);

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await database?.end().catch(() => undefined);
    await Promise.all([primary, regional, server].map((one) => one?.[Symbol.asyncDispose]()));
  });

  it('creates topics in the region with as many replicas as the cluster asks for', async () => {
    await through(async () => undefined);
    await inSync(regional);
  });

  it('goes on while every broker of both clusters is restarted in turn', { timeout: 400_000 }, async () => {
    await through(async (progress) => {
      // One of each cluster at a time: both sides of the copy are away together.
      for (const [index, node] of regional.nodes.entries()) {
        await Promise.all([node.restart(), primary.nodes[index]!.restart()]);
        await Promise.all([inSync(regional), inSync(primary)]);
        await progress();
      }
    });
  });

  it('goes on while the broker that leads a partition is killed on each side', { timeout: 240_000 }, async () => {
    await through(async (progress) => {
      for (const cluster of [regional, primary]) {
        const leader = await leaderOf(cluster, 0);
        await leader.kill('SIGKILL');
        await progress();
        await leader.restart();
        await inSync(cluster);
      }
    });
  });

  it('C15: holds, record by record, what the Java consumer reads at home', async () => {
    await using oracle = await Oracle.start();
    const digests = await Promise.all(
      [primary, regional].map(({ bootstrap }) => oracle.digest({ bootstrap, topic, isolation: 'read_committed' })),
    );
    const [home, region] = digests.map((of) => of.map(({ partition, count, sha256 }) => ({ partition, count, sha256 })));
    expect(region).toEqual(home);
    // Home's own count is the measure: the outside producer counts a send as done that a killed leader took no part of.
    expect(home?.reduce((sum, { count }) => sum + Number(count), 0)).toBeGreaterThan(written.size);
  });
});

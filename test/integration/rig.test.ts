import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { isAlive } from '../rig/alive.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { startKafka } from '../rig/kafka.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { freePorts } from '../rig/ports.ts';
import { startPostgres } from '../rig/postgres.ts';

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('a Kafka of the rig', () => {
  it('keeps records, port and cluster over an orderly stop and over SIGKILL', async () => {
    await using kafka = await startKafka({ name: 'restart' });
    await createTopic(kafka.bootstrap, { topic: 'kept', partitions: 2 });
    const producer = kafkajsFor(kafka.bootstrap).producer();
    await producer.connect();
    await producer.send({ topic: 'kept', acks: -1, messages: [{ value: 'one', partition: 1 }] });
    await producer.disconnect();
    const firstPid = kafka.pid;

    await kafka.restart();
    await kafka.kill('SIGKILL');
    expect(isAlive(kafka.pid)).toBe(false);
    await kafka.restart();

    expect(kafka.pid).not.toBe(firstPid);
    const admin = kafkajsFor(kafka.bootstrap).admin();
    await admin.connect();
    const offsets = await eventually(() => admin.fetchTopicOffsets('kept'), { what: 'offsets after the restart' });
    expect((await admin.describeCluster()).clusterId).toBe(kafka.clusterId);
    await admin.disconnect();
    expect(offsets.map(({ partition, high }) => [partition, high]).sort()).toEqual([
      [0, '0'],
      [1, '1'],
    ]);
  });

  it('says why it did not start', async () => {
    await expect(startKafka({ name: 'wrong', properties: { 'log.retention.ms': 'soon' } })).rejects.toThrow(/log\.retention\.ms/);
  });
});

describe('a PostgreSQL of the rig', () => {
  it('keeps committed rows over every kind of stop', async () => {
    await using database = await startPostgres({ name: 'restart', parameters: { work_mem: '5MB' } });
    await query(database.url, 'create table kept (n int)');
    for (const stop of [() => database.stop('fast'), () => database.stop('immediate'), () => database.kill('SIGKILL')]) {
      await query(database.url, 'insert into kept values (1)');
      await stop();
      expect(isAlive(database.pid)).toBe(false);
      await database.restart();
    }
    expect(await query(database.url, 'select count(*)::int as rows from kept')).toEqual([{ rows: 3 }]);
    expect(await query(database.url, "select current_setting('work_mem') as memory, current_setting('TimeZone') as zone")).toEqual([
      { memory: '5MB', zone: 'UTC' },
    ]);
  });

  it('listens on loopback only and syncs to disk', async () => {
    const [settings] = await query(
      sharedRig().database,
      "select current_setting('listen_addresses') as listen, current_setting('fsync') as fsync",
    );
    expect(settings).toEqual({ listen: '127.0.0.1', fsync: 'on' });
  });
});

describe('the shared rig', () => {
  it('has two different clusters', async () => {
    const ids = [];
    for (const bootstrap of [sharedRig().primary, sharedRig().regional]) {
      const admin = kafkajsFor(bootstrap).admin();
      await admin.connect();
      ids.push((await admin.describeCluster()).clusterId);
      await admin.disconnect();
    }
    expect(new Set(ids).size).toBe(2);
  });

  it('gives each caller an empty database of its own', async () => {
    const [one, other] = [await freshDatabase(), await freshDatabase()];
    await query(one, 'create table mine ()');
    expect(await query(other, "select * from pg_tables where tablename = 'mine'")).toEqual([]);
  });

  it('never names a topic twice', () => {
    expect(uniqueTopic('a')).not.toBe(uniqueTopic('a'));
  });
});

describe('what the rig started', () => {
  it('is gone, data included, after its parent was killed', async ({ onTestFinished }) => {
    const parent = spawn(process.execPath, [join(repositoryRoot, 'test/rig/programs/start-and-wait.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const { value } = await createInterface({ input: parent.stdout })[Symbol.asyncIterator]().next();
    const servers = JSON.parse(value ?? '[]') as { pid: number; dataDir: string }[];
    expect(servers.map(({ pid, dataDir }) => [isAlive(pid), existsSync(dataDir)])).toEqual([
      [true, true],
      [true, true],
    ]);

    parent.kill('SIGKILL');

    await eventually(() => servers.every(({ pid, dataDir }) => !isAlive(pid) && !existsSync(dataDir)), {
      deadlineMs: 10_000,
      what: 'the end of the servers and their data',
    });
  });
});

describe('free ports', () => {
  it('differ, also when asked for at the same moment', async () => {
    const ports = (await Promise.all([freePorts(200), freePorts(200), freePorts(200)])).flat();
    expect(new Set(ports).size).toBe(600);
  });
});

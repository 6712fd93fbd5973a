import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shardOf } from '../../src/mirror/shards.ts';
import { smallCycles } from '../faults/breaking-points.ts';
import { judge, ledgerDdl } from '../faults/ledger.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

const SHARDS = 6;
const PARTITIONS = 12;
const KEYS = 500;
const BATCH = 100;

describe('three daemons that share a region by shards', () => {
  const topic = uniqueTopic('shared').replaceAll('.', '_');
  const daemons: TestDaemon[] = [];
  const written = new Map<number, number>();
  const over = new AbortController();
  let client: pg.Pool;
  let records = 0;
  let partitions = PARTITIONS;
  let writing: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    const { primary, regional } = sharedRig();
    const database = await freshDatabase();
    client = new pg.Pool({ connectionString: database, max: 1 });
    await client.query(`${rowTable(topic)};\n${ledgerDdl(topic)}`);
    await createTopic(primary, { topic, partitions: PARTITIONS });
    const region = uniqueTopic('region').replaceAll('.', '-');
    for (let n = 0; n < 3; n++) {
      daemons.push(
        await TestDaemon.create({
          primary,
          regional,
          database,
          region,
          topics: [topic],
          tables: [`{ topic: ${topic}, table: public.${topic}, version: version }`],
          mirror: [...smallCycles, `shards: ${SHARDS}`],
        }),
      );
    }
    writing = write(primary);
    writing.catch(() => undefined);
  });

  afterAll(async () => {
    over.abort();
    await writing.catch(() => undefined);
    await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
    await client?.end();
  });

  const connected = async (bootstrap: string) => {
    const producer = kafkajsFor(bootstrap).producer({ idempotent: true });
    await producer.connect();
    return producer;
  };
  /** On and on, a state of each key higher than the one before. */
  const write = async (bootstrap: string): Promise<void> => {
    let [producer, known] = [await connected(bootstrap), partitions];
    for (let version = 1; !over.signal.aborted; version++) {
      if (known !== partitions) {
        // kafkajs drops records of partitions that it has not heard of, and does not ask for minutes.
        await producer.disconnect();
        [producer, known] = [await connected(bootstrap), partitions];
      }
      const ids = Array.from({ length: BATCH }, (_, i) => (version * 37 + i) % KEYS);
      const messages = ids.map((id) => ({ key: String(id), value: rowValue(id, `state ${version}`, version), partition: id % known }));
      await producer.send({ topic, messages });
      for (const id of ids) written.set(id, version);
      records += BATCH;
      await delay(50, undefined, { signal: over.signal }).catch(() => undefined);
    }
    await producer.disconnect();
  };
  const held = async (daemon: TestDaemon): Promise<readonly number[]> => (await daemon.status()).shards?.held ?? [];
  const divided = async (...alive: TestDaemon[]): Promise<void> => {
    const share = SHARDS / alive.length;
    await eventually(
      async () => {
        const shares = await Promise.all(alive.map(held));
        if (shares.every((own) => own.length === share) && new Set(shares.flat()).size === SHARDS) return true;
        throw new Error(`they hold ${JSON.stringify(shares)}`);
      },
      { deadlineMs: 40_000, what: `each having ${share} shards` },
    );
  };
  const applied = async (): Promise<number> => {
    const { rows } = await client.query<{ n: string }>(
      'select coalesce(sum(records), 0) as n from farshore.apply_positions where topic = $1',
      [topic],
    );
    return Number(rows[0]?.n);
  };
  const caughtUp = async (): Promise<void> => {
    const until = records;
    await eventually(async () => (await applied()) >= until, { deadlineMs: 60_000, what: `${until} records being applied` });
  };

  it('divide the shards evenly, and records flow through all of them', async () => {
    for (const daemon of daemons) await daemon.launch();
    await divided(...daemons);
    await caughtUp();
    const roles = await Promise.all(daemons.map(async (daemon) => (await daemon.status()).role));
    expect(roles.toSorted()).toEqual(['active', 'standby', 'standby']);
    for (const daemon of daemons) expect((await fetch(`${daemon.url}/readyz`)).status).toBe(200);
  });

  it('pause a partition where it is worked on, and say elsewhere who does', async () => {
    const [place, shard] = [`${topic}:0`, shardOf(topic, 0, SHARDS)];
    const shares = await Promise.all(daemons.map(held));
    const [holder, other] = [
      daemons[shares.findIndex((own) => own.includes(shard))]!,
      daemons[shares.findIndex((own) => !own.includes(shard))]!,
    ];
    await expect(other.cli(['partition', 'pause', place])).rejects.toThrow(`is of shard ${shard}, which`);
    await expect(holder.cli(['partition', 'pause', topic])).rejects.toThrow('Name one');
    await holder.cli(['partition', 'pause', place]);
    expect((await holder.partition(topic, 0))?.apply?.state).toBe('paused');
    const leader = await eventually(
      async () => {
        for (const daemon of daemons) if ((await daemon.status()).role === 'active') return daemon;
        return undefined;
      },
      { what: 'an active daemon' },
    );
    await eventually(async () => (await leader.partition(topic, 0))?.mirror?.state === 'paused', { what: 'the active one telling it' });
    await expect(holder.cli(['partition', 'resume', place, '--stage', 'mirror', '--accept-recreated'])).rejects.toThrow('mirror.shards: 1');
    await holder.cli(['partition', 'resume', place]);
    await caughtUp();
  });

  it('C1: take up partitions that are added, behind what was there', async () => {
    const admin = kafkajsFor(sharedRig().primary).admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic, count: PARTITIONS + 4 }] });
    // Each broker hears of them in its own time, and leads them a moment later.
    await eventually(async () => (await admin.fetchTopicOffsets(topic)).length === PARTITIONS + 4, {
      what: 'the partitions having leaders',
    });
    await admin.disconnect();
    partitions = PARTITIONS + 4;
    await eventually(
      async () => {
        const { rows } = await client.query<{ generation: number }>('select generation from farshore.topics where topic = $1', [topic]);
        return rows[0]?.generation === 2;
      },
      { deadlineMs: 40_000, what: 'the second generation' },
    );
    const grown = 'select 1 from farshore.apply_positions where topic = $1 and partition >= $2 and records > 0';
    await eventually(async () => (await client.query(grown, [topic, PARTITIONS])).rowCount === 4, {
      deadlineMs: 40_000,
      what: 'records of each new partition',
    });
    await caughtUp();
  });

  it('lose nothing to one that was stopped past every timeout and wakes', async () => {
    const [zombie, ...others] = daemons as [TestDaemon, TestDaemon, TestDaemon];
    const before = await held(zombie);
    zombie.signal('SIGSTOP');
    await eventually(async () => (await Promise.all(others.map(held))).flat().length === SHARDS, {
      deadlineMs: 40_000,
      what: 'the others having its shards',
    });
    await caughtUp();
    zombie.signal('SIGCONT');
    await divided(...daemons);
    expect(before).toHaveLength(2);
    await caughtUp();
  });

  it('go on when one is killed, and take its shards', async () => {
    const [first, ...others] = daemons as [TestDaemon, TestDaemon, TestDaemon];
    await first.kill();
    await eventually(async () => (await Promise.all(others.map(held))).flat().length === SHARDS, {
      deadlineMs: 40_000,
      what: 'two daemons having all shards',
    });
    await caughtUp();
    await first.launch();
    await divided(...daemons);
  });

  it('end with every record applied once and in order', async () => {
    over.abort();
    await writing;
    await caughtUp();
    expect(await judge(client, topic, written)).toMatchObject({ lost: 0, duplicated: 0, stale: 0 });
  });
});

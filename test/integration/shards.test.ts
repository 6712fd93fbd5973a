import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settleShards } from '../../src/daemon/shards.ts';
import { buildBatch, recordOf } from '../../src/kafka/batch/build.ts';
import { compress } from '../../src/kafka/batch/codecs.ts';
import { KafkaCluster } from '../../src/kafka/cluster.ts';
import { fenceShards } from '../../src/kafka/fence-shards.ts';
import { regionalLog } from '../../src/kafka/regional-log.ts';
import { SHARD_FUNCTION } from '../../src/mirror/shards.ts';
import { systemClock } from '../../src/model/clock.ts';
import { homeOffset } from '../../src/model/offsets.ts';
import type { Database } from '../../src/postgres/database.ts';
import { shardLedger } from '../../src/postgres/shard-ledger.ts';
import { createTopic, freshDatabase, sharedRig, uniqueTopic } from '../rig/context.ts';
import { commitCycle, type MirrorCycle } from './commit-cycle.ts';
import { migratedDatabase, never } from './postgres-fixtures.ts';

describe('changing the number of shards', () => {
  const region = uniqueTopic('shards');
  const topic = uniqueTopic('sharded');
  const ids = { region, primary: 'us-east', transactionTimeoutMs: 15_000 };
  const clusters: KafkaCluster[] = [];
  let database: Database;

  const connect = async (): Promise<KafkaCluster> => {
    const cluster = new KafkaCluster({
      name: 'region',
      brokers: [sharedRig().regional],
      clientId: 'test',
      requestTimeoutMs: 15_000,
      clock: systemClock,
    });
    clusters.push(cluster);
    await cluster.connect(never);
    return cluster;
  };
  const cycle = (partition: number, from: number): MirrorCycle => {
    const bytes = buildBatch([recordOf(Buffer.from('k'), Buffer.from(`v${from}`), 1_700_000_000_000)], 'none', compress);
    const next = homeOffset(BigInt(from + 1));
    const position = { topic, partition, topicId: '7d9f6b1e-0000-4000-8000-0123456789ab', leaderEpoch: 0, crc: 1, regionalEnd: undefined };
    return {
      writes: [{ topic, partition, batches: [{ bytes, baseOffset: BigInt(from), lastOffset: BigInt(from), recordCount: 1, magic: 2 }] }],
      positions: [{ ...position, next }],
    };
  };

  beforeAll(async () => {
    database = await migratedDatabase(await freshDatabase());
    await createTopic(sharedRig().regional, { topic, partitions: 3 });
  });

  afterAll(async () => {
    for (const cluster of clusters) await cluster.close();
    await database?.close();
  });

  it('C13: fences every recorded shard before the new division is recorded; its positions stay in the one group', async () => {
    const ledger = shardLedger(database);
    await ledger.record('us-east', { shards: 3, function: SHARD_FUNCTION }, never);
    const zombies = await Promise.all([0, 1, 2].map(async (shard) => regionalLog(await connect(), { ...ids, shard })));
    for (const [partition, zombie] of zombies.entries()) {
      await zombie.open(never);
      await commitCycle(zombie, cycle(partition, 0), never);
    }
    const cluster = await connect();
    const events: unknown[] = [];
    await settleShards(
      {
        primary: 'us-east',
        shards: 1,
        ledger,
        fence: (shards, signal) => fenceShards(cluster, ids, shards, signal),
        observe: (event) => events.push(event),
      },
      never,
    );
    expect(events).toEqual([{ type: 'shards_changed', primary: 'us-east', from: 3, to: 1 }]);
    expect(await ledger.read('us-east', never)).toMatchObject({ shards: 1 });
    for (const [partition, zombie] of zombies.entries())
      await expect(commitCycle(zombie, cycle(partition, 1), never)).rejects.toMatchObject({ code: 'fenced' });
    const one = regionalLog(cluster, { ...ids, shard: 0 });
    await one.open(never);
    const positions = (await one.positions([topic], never)).get(topic) ?? [];
    expect(positions.map(({ partition, next }) => [partition, next])).toEqual([0, 1, 2].map((partition) => [partition, 1n]));
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { KafkaCluster } from '../../src/kafka/cluster.ts';
import { positionGroup, regionalLog } from '../../src/kafka/regional-log.ts';
import { systemClock } from '../../src/model/clock.ts';
import { findFarshoreError } from '../../src/model/errors.ts';
import { homeOffset } from '../../src/model/offsets.ts';

const PARTITIONS = 200;
const ATTEMPTS = 50;

/** The partition of `__consumer_offsets` a group lies in: that of its name's hash in Java. */
function groupPartition(group: string, partitions: number): number {
  let hash = 0;
  for (let index = 0; index < group.length; index++) hash = (Math.imul(hash, 31) + group.charCodeAt(index)) | 0;
  return (hash & 0x7fffffff) % partitions;
}

/**
 * Commits so many offsets of another group into the partition of `group` that its coordinator reads them for seconds when its broker starts: long
 * enough for a broker that is leader, fenced, and leader again to serve it while it reads (ADR 4).
 */
export async function fillGroupLog(bootstrap: string, group: string, groupPartitions: number, offsets: number): Promise<void> {
  const { signal } = new AbortController();
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'filler', numPartitions: PARTITIONS }], waitForLeaders: true });
  await admin.disconnect();
  let region = 'filler';
  for (let number = 0; groupPartition(positionGroup(region, 'none'), groupPartitions) !== groupPartition(group, groupPartitions); number++)
    region = `filler-${number}`;
  const clock = systemClock;
  const cluster = new KafkaCluster({ name: 'filler', brokers: [bootstrap], clientId: 'filler', requestTimeoutMs: 15_000, clock });
  await cluster.connect(signal);
  try {
    const log = regionalLog(cluster, { region, primary: 'none', shard: 0, transactionTimeoutMs: 30_000 });
    const positions = Array.from({ length: PARTITIONS }, (_, partition) => ({
      ...{ topic: 'filler', partition, topicId: 'none', next: homeOffset(1n), leaderEpoch: -1, crc: undefined, regionalEnd: undefined },
    }));
    await again(() => log.open(signal));
    for (let committed = 0; committed < offsets; committed += PARTITIONS) await log.commit(positions, signal);
  } finally {
    await cluster.close();
  }
}

/** The broker makes the partitions of its coordinators with the first request. */
async function again(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (findFarshoreError(error)?.action !== 'retry' || attempt === ATTEMPTS) throw error;
      await delay(200);
    }
  }
}

import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import avro from 'avsc';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { createTopic as createTopicAt } from '../../test/rig/context.ts';
import { rigJava } from '../../test/rig/java.ts';
import { decimalBytes, KEY_SCHEMA_ID, keySchema, row, T0, VALUE_SCHEMA_ID, valueSchema } from './data.ts';

const run = promisify(execFile);
const PARTITIONS = 4;

export const outside = (bootstrap: string): Kafka =>
  new Kafka({ clientId: 'bench', brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 5 } });

async function asAdmin<T>(bootstrap: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = outside(bootstrap).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

export const deleteTopic = (bootstrap: string, topic: string): Promise<void> =>
  asAdmin(bootstrap, async (admin) => {
    if (!(await admin.listTopics()).includes(topic)) return;
    await admin.deleteTopics({ topics: [topic] });
    while ((await admin.listTopics()).includes(topic)) await delay(100);
  });

export const createTopic = (bootstrap: string, topic: string, partitions = PARTITIONS): Promise<void> =>
  createTopicAt(bootstrap, { topic, partitions, configs: { 'retention.ms': '-1' } });

/** Sum of a topic's end offsets, transaction markers included; 0 while there is no such topic. */
export async function topicEnd(admin: Admin, topic: string): Promise<number> {
  try {
    return (await admin.fetchTopicOffsets(topic)).reduce((sum, { offset }) => sum + Number(offset), 0);
  } catch {
    return 0;
  }
}

export interface PlainLoad {
  readonly bootstrap: string;
  readonly topic: string;
  readonly records: number;
  readonly batchBytes: number;
  readonly codec: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
}

/** 195-byte values from Kafka's own producer, in batches of about `batchBytes`. */
export async function loadPlain({ bootstrap, topic, records, batchBytes, codec }: PlainLoad): Promise<void> {
  await createTopic(bootstrap, topic);
  const { classPath } = await rigJava();
  const producer = [
    `bootstrap.servers=${bootstrap}`,
    `batch.size=${batchBytes}`,
    'linger.ms=500',
    'buffer.memory=134217728',
    `compression.type=${codec}`,
  ];
  const tool = ['org.apache.kafka.tools.ProducerPerformance', '--topic', topic, '--num-records', String(records), '--record-size', '195'];
  await run('java', ['-Xmx512m', '-cp', classPath, ...tool, '--throughput', '-1', '--producer-props', ...producer]);
}

const plainTypes = (schema: unknown): avro.Schema =>
  JSON.parse(JSON.stringify(schema), (_name, value) => (value?.logicalType === undefined ? value : value.type));
const keyType = avro.Type.forSchema(keySchema as avro.Schema);
const valueType = avro.Type.forSchema(plainTypes(valueSchema));

function wire(schemaId: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(schemaId, 1);
  return Buffer.concat([head, body]);
}

export const rowKey = (id: number): Buffer => wire(KEY_SCHEMA_ID, keyType.toBuffer({ id }));
export function rowValue(id: number, rev = 0): Buffer {
  const { cents, ...others } = row(id, rev);
  return wire(VALUE_SCHEMA_ID, valueType.toBuffer({ ...others, price: decimalBytes(cents) }));
}

const CHUNK = 8_000;

/** Rows 1 to `records`, or over and over the first `keys` of them in rising revisions, with `inBatch` records of a key beside each other. */
export async function loadRows(
  bootstrap: string,
  topic: string,
  records: number,
  keys = Number.POSITIVE_INFINITY,
  inBatch = 1,
  partitions = PARTITIONS,
): Promise<void> {
  await createTopic(bootstrap, topic, partitions);
  const producer = outside(bootstrap).producer({ idempotent: true, maxInFlightRequests: 5 });
  await producer.connect();
  const hot = Number.isFinite(keys);
  const sends = new Set<Promise<unknown>>();
  for (let from = 0; from < records; from += CHUNK) {
    const messages = Array.from({ length: Math.min(CHUNK, records - from) }, (_, i) => {
      const n = from + i;
      const id = hot ? (Math.floor(n / inBatch) % keys) + 1 : n + 1;
      const rev = hot ? Math.floor(n / (keys * inBatch)) * inBatch + (n % inBatch) : 0;
      return { key: rowKey(id), value: rowValue(id, rev), partition: id % partitions, timestamp: String(T0 + n) };
    });
    if (sends.size >= 3) await Promise.race(sends);
    const sent: Promise<unknown> = producer.send({ topic, messages, acks: -1 }).then(() => sends.delete(sent));
    sends.add(sent);
  }
  await Promise.all(sends);
  await producer.disconnect();
}

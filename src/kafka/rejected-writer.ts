import type { WriteRejected } from '../rejected/publish.ts';
import { buildBatch, recordOf } from './batch/build.ts';
import { compress } from './batch/codecs.ts';
import type { KafkaCluster } from './cluster.ts';
import { KafkaError } from './errors.ts';
import { produceOne } from './produce.ts';
import { type CreateTopic, createOwnTopic } from './produce-own-topic.ts';

/** Kafka Connect has no name for it: the record was too large for the topic, and its value is in the ledger only. */
const OMITTED = 'farshore.value.omitted';

export const rejectedTopic = (topic: string): string => `${topic}.farshore.rejected`;

/** Writes to `TOPIC.farshore.rejected`, created with one partition when it is missing: key, value and headers as they came, and what refused them. */
export function rejectedWriter(cluster: KafkaCluster, createTopic: CreateTopic): WriteRejected {
  return async (record, headers, signal) => {
    const topic = rejectedTopic(record.topic);
    await createOwnTopic(cluster, topic, new Map(), createTopic, signal);
    const bytes = (base64: string | null) => (base64 === null ? null : Buffer.from(base64, 'base64'));
    const written = (value: Buffer | null, more: readonly { readonly name: string; readonly value: string }[]) => {
      const plain = recordOf(bytes(record.key), value, record.timestampMs);
      const all = Buffer.concat([plain.bytes, bytes(record.headers)!, ...more.map(encodedHeader)]);
      const ranged = { ...plain, bytes: all, headersStart: plain.bytes.length, headersEnd: all.length };
      return { ...ranged, headerCount: record.headerCount + more.length };
    };
    const send = (one: ReturnType<typeof written>) =>
      produceOne(cluster, { topic, partition: 0, bytes: buildBatch([one], 'none', compress) }, signal);
    try {
      await send(written(bytes(record.value), headers));
    } catch (error) {
      if (!(error instanceof KafkaError) || error.kafkaError !== 'MESSAGE_TOO_LARGE') throw error;
      await send(written(null, [...headers, { name: OMITTED, value: 'true' }]));
    }
  };
}

export function encodedHeader({ name, value }: { readonly name: string; readonly value: string }): Buffer {
  const [key, text] = [Buffer.from(name), Buffer.from(value)];
  return Buffer.concat([varint(key.length), key, varint(text.length), text]);
}

/** Zigzag, of a length. */
function varint(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length * 2;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import avro from 'avsc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordDecoder } from '../../src/avro/record-decoder.ts';
import { recordVisitor } from '../../src/kafka/batch/records.ts';
import type { KafkaCluster } from '../../src/kafka/cluster.ts';
import { type TailedRecord, tailTopic } from '../../src/kafka/tail-topic.ts';
import { requestOfRecord } from '../../src/shadow/recorded-request.ts';
import { createTopic, eventually, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { connected } from './kafka-reading-fixtures.ts';

const schemaText = readFileSync(join(repositoryRoot, 'schemas/shadow.requests-value/1.avsc'), 'utf8');
const MAX_BYTES = 1 << 20;

let cluster: KafkaCluster;
beforeAll(async () => {
  cluster = await connected(sharedRig().primary);
});
afterAll(() => cluster?.close());

/** Tails a topic until the test ends. */
function tail(topic: string) {
  const seen: TailedRecord[] = [];
  const stop = new AbortController();
  const options = { topic, maxDecompressedBytes: MAX_BYTES, maxBytes: MAX_BYTES, maxWaitMs: 100, visitRecords: recordVisitor(MAX_BYTES) };
  const ended = tailTopic(cluster, options, async (records) => void seen.push(...records), stop.signal).catch((error: unknown) => error);
  return {
    seen,
    values: () => seen.map(({ value }) => value.toString('latin1')).sort(),
    [Symbol.asyncDispose]: async () => {
      stop.abort(new Error('the test is over'));
      expect(await ended).toMatchObject({ message: 'the test is over' });
    },
  };
}

async function writer(topic: string) {
  const producer = kafkajsFor(sharedRig().primary).producer();
  await producer.connect();
  const send = async (partition: number, ...values: (Buffer | string | null)[]): Promise<void> => {
    await producer.send({ topic, messages: values.map((value) => ({ partition, value, headers: { h: 'x' } })) });
  };
  return { send, [Symbol.asyncDispose]: () => producer.disconnect() };
}

/** Writes markers until one is seen: from then on the tail stands at the end. */
async function standing(
  { seen }: ReturnType<typeof tail>,
  send: (partition: number, value: string) => Promise<void>,
  partitions: number,
): Promise<void> {
  for (let partition = 0; partition < partitions; partition += 1) {
    await eventually(async () => {
      await send(partition, `marker ${partition}`);
      return seen.some(({ value }) => value.toString() === `marker ${partition}`);
    });
  }
}

const withoutMarkers = (values: readonly string[]): readonly string[] => values.filter((value) => !value.startsWith('marker'));

describe('the topic of requests', () => {
  it('is read from its end on, all partitions, without what is null', async () => {
    const topic = uniqueTopic('requests');
    await createTopic(sharedRig().primary, { topic, partitions: 2 });
    await using write = await writer(topic);
    await write.send(0, 'before');
    await using tailed = tail(topic);
    await standing(tailed, write.send, 2);
    await write.send(0, 'a', null, 'b');
    await write.send(1, 'c');
    await eventually(() => tailed.values().includes('b') && tailed.values().includes('c'));
    expect(withoutMarkers(tailed.values())).toEqual(['a', 'b', 'c']);
    expect(tailed.seen.every(({ headers }) => headers.count === 1)).toBe(true);
  });

  it('is waited for while it does not exist', async () => {
    const topic = uniqueTopic('requests');
    await using tailed = tail(topic);
    await createTopic(sharedRig().primary, { topic });
    await using write = await writer(topic);
    await standing(tailed, write.send, 1);
  });

  it('holds requests by its schema, whose bytes become what is asked', async () => {
    const topic = uniqueTopic('requests');
    await createTopic(sharedRig().primary, { topic });
    await using write = await writer(topic);
    await using tailed = tail(topic);
    await standing(tailed, write.send, 1);
    const type = avro.Type.forSchema(JSON.parse(schemaText) as avro.Schema, { wrapUnions: 'never' });
    const headers = [
      { name: 'Accept', value: 'a' },
      { name: 'Accept', value: 'b' },
    ];
    const encoded = type.toBuffer({
      id: 'r1',
      time: 1_767_225_600_000,
      method: 'POST',
      path: '/search',
      query: 'q=1',
      headers,
      body: Buffer.from([0, 1]),
    });
    await write.send(0, Buffer.concat([Buffer.from('value:'), encoded]));
    const found = await eventually(() => tailed.seen.find(({ value }) => value.toString('latin1').startsWith('value:')));
    const decoded = recordDecoder(schemaText, 'the schema').decode(found.value, 'value:'.length, found.value.length);
    expect(requestOfRecord(decoded, 5)).toEqual({
      id: 'r1',
      method: 'POST',
      target: '/search?q=1',
      headers: [
        ['Accept', 'a'],
        ['Accept', 'b'],
      ],
      body: Buffer.from([0, 1]),
      receivedAtMs: 1_767_225_600_000,
    });
  });
});

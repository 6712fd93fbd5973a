import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { type SecuredKafka, startSecuredKafka } from '../rig/kafka-security.ts';
import { Oracle } from '../rig/oracle.ts';
import { TestDaemon } from './daemon.ts';

const canary = 'canary-Kf93hd';

describe('a primary that wants a login', () => {
  const { regional } = sharedRig();
  let kafka: SecuredKafka;
  let oracle: Oracle;

  beforeAll(async () => {
    [kafka, oracle] = await Promise.all([
      startSecuredKafka({ name: 'secured', plainUser: { username: 'farshore', password: canary } }),
      Oracle.start(),
    ]);
    await kafka.setScramPassword('farshore', canary);
  });

  afterAll(async () => {
    await oracle?.[Symbol.asyncDispose]();
    await kafka?.[Symbol.asyncDispose]();
  });

  it('is mirrored over TLS with SCRAM-SHA-512, and the password is in no log line', async () => {
    const topic = uniqueTopic('secured');
    await createTopic(kafka.bootstrap, { topic });
    await produce(kafka.bootstrap, topic, 0, 100);
    await using daemon = await TestDaemon.create({
      primary: kafka.secured.saslTls,
      regional,
      database: await freshDatabase(),
      region: topic.replaceAll('.', '-'),
      topics: [topic],
      primaryLogin: `tls: { caFile: ${kafka.authority.caFile} }, sasl: { mechanism: scram-sha-512, username: farshore, passwordFile: password }`,
      files: { password: `${canary}\n` },
    });
    await daemon.start();
    await eventually(async () => (await mirrored(topic)) === 100, { deadlineMs: 60_000, everyMs: 500, what: '100 records in the region' });
    expect(await daemon.log()).not.toContain(canary);
  });

  const mirrored = async (topic: string): Promise<number> =>
    (await oracle.consume({ bootstrap: regional, topic, isolation: 'read_committed' })).records.length;
});

async function produce(bootstrap: string, topic: string, from: number, count: number): Promise<void> {
  const producer = kafkajsFor(bootstrap).producer();
  await producer.connect();
  try {
    const messages = Array.from({ length: count }, (_, i) => ({ key: String(from + i), value: `value ${from + i}` }));
    await producer.send({ topic, messages });
  } finally {
    await producer.disconnect();
  }
}

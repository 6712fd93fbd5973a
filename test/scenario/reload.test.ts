import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { type SecuredKafka, startSecuredKafka, unsecuredToken } from '../rig/kafka-security.ts';
import { Oracle } from '../rig/oracle.ts';
import { TestDaemon } from './daemon.ts';

const secrets = { first: 'canary-one-81', second: 'canary-two-82', wrong: 'canary-wrong-83' };

/** Credentials change while records flow: the same daemon goes on, and nothing is lost or doubled. */
describe('a daemon whose credentials change', () => {
  const { regional } = sharedRig();
  let kafka: SecuredKafka;
  let oracle: Oracle;

  beforeAll(async () => {
    [kafka, oracle] = await Promise.all([
      startSecuredKafka({ name: 'reload', plainUser: { username: 'plainuser', password: 'x' }, maxReauthMs: 10_000 }),
      Oracle.start(),
    ]);
    await kafka.setScramPassword('farshore', secrets.first);
  });

  afterAll(async () => {
    await oracle?.[Symbol.asyncDispose]();
    await kafka?.[Symbol.asyncDispose]();
  });

  const values = async (bootstrap: string, topic: string): Promise<readonly (string | undefined)[]> =>
    (await oracle.consume({ bootstrap, topic, isolation: 'read_committed' })).records.map(({ value }) => value?.toString());

  const secured = async (topic: string, login: string, files: Readonly<Record<string, string>>, brokers = kafka.secured.saslTls) =>
    await TestDaemon.create({
      primary: brokers,
      regional,
      database: await freshDatabase(),
      region: topic.replaceAll('.', '-'),
      topics: [topic],
      primaryLogin: login,
      files,
    });

  it('goes on through a new SCRAM password, and through sessions that the broker ends', async () => {
    const topic = uniqueTopic('rotate');
    await createTopic(kafka.bootstrap, { topic });
    await using daemon = await secured(
      topic,
      `tls: { caFile: ${kafka.authority.caFile} }, sasl: { mechanism: scram-sha-512, username: farshore, passwordFile: password }`,
      { password: secrets.first },
    );
    await daemon.start();
    const epoch = (await daemon.status()).leaseEpoch;
    const writing = new Writing(kafka.bootstrap, topic);
    try {
      await eventually(async () => (await values(regional, topic)).length > 50, {
        deadlineMs: 60_000,
        everyMs: 500,
        what: 'records in the region',
      });
      await kafka.setScramPassword('farshore', secrets.second);
      // The broker knows the new password before the file does: a session that is renewed in between is refused, and stands.
      await eventually(async () => (await daemon.log()).includes('primary_kafka goes on with the connection that stands'), {
        what: 'a login refused between the two',
      });
      await replace(join(daemon.folder, 'password'), secrets.second);
      await eventually(async () => (await daemon.log()).includes('reloaded primary.kafka.sasl.passwordFile'), { what: 'the reload' });
      // Sessions end after 10 s: those of the first password are gone after this many more records.
      const before = writing.written;
      await eventually(() => writing.written > before + 600, { deadlineMs: 60_000, what: 'records for longer than a session' });
    } finally {
      await writing.stop();
    }
    await eventually(async () => (await values(regional, topic)).length >= writing.written, {
      deadlineMs: 60_000,
      everyMs: 500,
      what: 'every record',
    });
    expect(await values(regional, topic)).toEqual(Array.from({ length: writing.written }, (_, i) => `value ${i}`));
    const status = await daemon.status();
    expect(status.role).toBe('active');
    expect(status.leaseEpoch).toBe(epoch);
    const log = await daemon.log();
    expect(log).not.toContain('mirror starts over');
    expect(log).not.toContain('primary_kafka is down');
    for (const secret of Object.values(secrets)) expect(log).not.toContain(secret);
  });

  it('goes on through a new client certificate, and keeps the old pair while key and certificate do not belong together', async () => {
    const topic = uniqueTopic('certificate');
    await createTopic(kafka.bootstrap, { topic });
    const [first, second] = [await kafka.authority.issue('farshore'), await kafka.authority.issue('farshore')];
    await using daemon = await secured(
      topic,
      `tls: { caFile: ${kafka.authority.caFile}, certFile: client.pem, keyFile: client.key }`,
      { 'client.pem': await readFile(first.certFile, 'utf8'), 'client.key': await readFile(first.keyFile, 'utf8') },
      kafka.secured.mutualTls,
    );
    await daemon.start();
    const writing = new Writing(kafka.bootstrap, topic);
    try {
      await eventually(async () => (await values(regional, topic)).length > 20, {
        deadlineMs: 60_000,
        everyMs: 500,
        what: 'records in the region',
      });
      // Key and certificate do not belong together for a while: the old pair stays.
      await copyFile(second.certFile, join(daemon.folder, 'client.pem'));
      await eventually(async () => (await daemon.log()).includes('certificates of primary.kafka.tls cannot be used together'), {
        what: 'the refusal',
      });
      await copyFile(second.keyFile, join(daemon.folder, 'client.key'));
      await eventually(async () => (await daemon.log()).includes('reloaded primary.kafka.tls.certFile, primary.kafka.tls.keyFile'), {
        what: 'the reload',
      });
      const before = writing.written;
      await eventually(() => writing.written > before + 50, { what: 'more records' });
    } finally {
      await writing.stop();
    }
    await eventually(async () => (await values(regional, topic)).length >= writing.written, {
      deadlineMs: 60_000,
      everyMs: 500,
      what: 'every record',
    });
    expect(await values(regional, topic)).toEqual(Array.from({ length: writing.written }, (_, i) => `value ${i}`));
    expect(await daemon.log()).not.toContain('mirror starts over');
  });

  it('goes on through OAUTHBEARER tokens that expire, as long as the file holds a newer one', async () => {
    const topic = uniqueTopic('token');
    await createTopic(kafka.bootstrap, { topic });
    const LIFETIME_SECONDS = 6;
    const login = `tls: { caFile: ${kafka.authority.caFile} }, sasl: { mechanism: oauthbearer, tokenFile: kafka-token }`;
    await using daemon = await secured(topic, login, { 'kafka-token': unsecuredToken(LIFETIME_SECONDS) });
    const renewing = setInterval(() => void replace(join(daemon.folder, 'kafka-token'), unsecuredToken(LIFETIME_SECONDS)), 1_500);
    const writing = new Writing(kafka.bootstrap, topic);
    try {
      await daemon.start();
      await eventually(() => writing.written > 600, { deadlineMs: 60_000, what: 'records for two lifetimes of a token' });
    } finally {
      await writing.stop();
      clearInterval(renewing);
    }
    await eventually(async () => (await values(regional, topic)).length >= writing.written, {
      deadlineMs: 60_000,
      everyMs: 500,
      what: 'every record',
    });
    expect(await values(regional, topic)).toEqual(Array.from({ length: writing.written }, (_, i) => `value ${i}`));
    const log = await daemon.log();
    expect(log).not.toContain('mirror starts over');
    expect(log).not.toContain('primary_kafka is down');
  });

  it('tells nothing of an OAUTHBEARER token, neither of one that is refused nor of one that is taken', async () => {
    const topic = uniqueTopic('untold');
    await createTopic(kafka.bootstrap, { topic });
    const shown = [unsecuredToken(-60), unsecuredToken(3_600)] as const;
    const login = `tls: { caFile: ${kafka.authority.caFile} }, sasl: { mechanism: oauthbearer, tokenFile: kafka-token }`;
    await using daemon = await secured(topic, login, { 'kafka-token': shown[0] });
    await daemon.launch();
    await eventually(async () => (await daemon.log()).includes('refused the credentials'), { deadlineMs: 60_000, what: 'the refusal' });
    await replace(join(daemon.folder, 'kafka-token'), shown[1]);
    await eventually(async () => (await daemon.partition(topic, 0))?.mirror?.state === 'running', {
      deadlineMs: 60_000,
      what: 'the mirror',
    });
    const said = [await daemon.log(), await daemon.cli(['status']), await (await fetch(`${daemon.url}/metrics`)).text()].join('\n');
    // Signature, claims and head by themselves too; what is that short is in any text.
    const parts = shown.flatMap((token) => token.split('.')).filter((part) => part.length > 20);
    expect(parts.length).toBeGreaterThan(1);
    for (const part of parts) expect(said).not.toContain(part);
  });

  it('waits with a wrong password, and goes on by itself when the file is mended', async () => {
    const topic = uniqueTopic('mended');
    await createTopic(kafka.bootstrap, { topic });
    await kafka.setScramPassword('mended', secrets.first, 'SCRAM-SHA-256');
    await using daemon = await secured(
      topic,
      `tls: { caFile: ${kafka.authority.caFile} }, sasl: { mechanism: scram-sha-256, username: mended, passwordFile: password }`,
      { password: secrets.wrong },
    );
    await daemon.start();
    await eventually(async () => /refused the credentials: .* · Check sasl/.test(await daemon.log()), { what: 'the refusal' });
    await writeFile(join(daemon.folder, 'password'), secrets.first);
    const writing = new Writing(kafka.bootstrap, topic);
    try {
      await eventually(async () => (await values(regional, topic)).length > 5, {
        deadlineMs: 60_000,
        everyMs: 500,
        what: 'records in the region',
      });
    } finally {
      await writing.stop();
    }
    for (const secret of Object.values(secrets)) expect(await daemon.log()).not.toContain(secret);
  });

  it('takes log level and topics at SIGHUP, and names the key that needs a restart', async () => {
    const [topic, late] = [uniqueTopic('hangup'), uniqueTopic('late')];
    await createTopic(kafka.bootstrap, { topic });
    await createTopic(kafka.bootstrap, { topic: late });
    await using daemon = await secured(
      topic,
      `tls: { caFile: ${kafka.authority.caFile} }, sasl: { mechanism: scram-sha-512, username: farshore, passwordFile: password }`,
      { password: secrets.second },
    );
    await kafka.setScramPassword('farshore', secrets.second);
    await daemon.start();
    const written = await readFile(daemon.configFile, 'utf8');
    const edited = written.replace(`topics: ["${topic}"]`, `topics: ["${topic}", "${late}"]`).replace('level: info', 'level: debug');
    await writeFile(daemon.configFile, edited.replace('ttlMs: 3000', 'ttlMs: 4000'));
    daemon.signal('SIGHUP');
    await eventually(async () => (await daemon.log()).includes('lease.ttlMs can only change with a restart'), { what: 'the refusal' });
    await writeFile(daemon.configFile, edited);
    daemon.signal('SIGHUP');
    await eventually(async () => (await daemon.log()).includes('reloaded log.level, mirror.topics'), { what: 'the reload' });
    await eventually(async () => (await daemon.partition(late, 0)) !== undefined, { what: `${late} being mirrored` });
  });
});

/** As Kubernetes and careful tools do: the new file takes the old one's place at once. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Writes numbered records, one batch after the other, until it is stopped. */
class Writing {
  written = 0;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(bootstrap: string, topic: string) {
    this.#done = this.#write(bootstrap, topic);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #write(bootstrap: string, topic: string): Promise<void> {
    const producer = kafkajsFor(bootstrap).producer();
    await producer.connect();
    try {
      while (!this.#stop.signal.aborted) {
        const messages = Array.from({ length: 2 }, (_, i) => ({ key: 'k', value: `value ${this.written + i}` }));
        await producer.send({ topic, messages });
        this.written += messages.length;
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    } finally {
      await producer.disconnect();
    }
  }
}

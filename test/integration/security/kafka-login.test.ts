import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SaslConfig } from '../../../src/config/config.ts';
import { Secret } from '../../../src/config/secret.ts';
import { readToken } from '../../../src/daemon/token.ts';
import { KafkaCluster } from '../../../src/kafka/cluster.ts';
import type { Credentials } from '../../../src/kafka/connection-settings.ts';
import type { SaslOptions } from '../../../src/kafka/login.ts';
import { systemClock } from '../../../src/model/clock.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { type Certificate, CertificateAuthority } from '../../rig/certificates.ts';
import { type SecuredKafka, startSecuredKafka, unsecuredToken } from '../../rig/kafka-security.ts';

const right = 'canary-right-7f';
const wrong = 'canary-wrong-9c';

describe('a login at a real broker', () => {
  let kafka: SecuredKafka;
  let certificate: Certificate;
  let foreign: CertificateAuthority;

  beforeAll(async () => {
    kafka = await startSecuredKafka({ name: 'login', plainUser: { username: 'farshore', password: right } });
    await kafka.setScramPassword('farshore', right, 'SCRAM-SHA-256');
    await kafka.setScramPassword('farshore', right, 'SCRAM-SHA-512');
    [certificate, foreign] = await Promise.all([
      kafka.authority.issue('farshore'),
      CertificateAuthority.create(join(kafka.authority.folder, 'foreign')),
    ]);
  });
  afterAll(async () => await kafka?.[Symbol.asyncDispose]());

  const text = async (file: string): Promise<string> => await readFile(file, 'utf8');
  const trusting = async (): Promise<Credentials> => ({ tls: { ca: await text(kafka.authority.caFile) } });

  /** How connecting ends: undefined, or the error, in which no secret may be. */
  async function connect(broker: string, credentials: Credentials): Promise<FarshoreError | undefined> {
    await using cluster = new KafkaCluster({
      name: 'primary login',
      brokers: [broker],
      clientId: 'test',
      requestTimeoutMs: 5_000,
      clock: systemClock,
      credentials: () => credentials,
    });
    try {
      await cluster.connect(AbortSignal.timeout(20_000));
      expect(cluster.clusterId).toBe(kafka.server.clusterId);
      return undefined;
    } catch (error) {
      if (!(error instanceof FarshoreError)) throw error;
      const shown = inspect(error, { depth: 12, showHidden: true }) + JSON.stringify(error);
      for (const secret of [right, wrong]) expect(shown).not.toContain(secret);
      return error;
    }
  }

  const listeners = ['saslPlain', 'saslTls'] as const;
  const passwords = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
  const cases = listeners.flatMap((listener) => passwords.map((mechanism) => ({ listener, mechanism })));

  it.each(cases)(
    '$mechanism over $listener: the right password is let in, a wrong one is refused with a next step',
    async ({ listener, mechanism }) => {
      const { tls } = listener === 'saslTls' ? await trusting() : { tls: undefined };
      const login = (password: string): Credentials => ({ tls, sasl: { mechanism, username: 'farshore', password } });
      expect(await connect(kafka.secured[listener], login(right))).toBeUndefined();
      const refusal = await connect(kafka.secured[listener], login(wrong));
      expect(refusal?.code).toBe('cluster_auth_failed');
      expect(refusal?.message).toMatch(/refused the credentials: Authentication failed/);
      expect(refusal?.hint).toMatch(/sasl\.username/);
    },
  );

  it.each(listeners)('oauthbearer over %s: a token from a file and one from a command', async (listener) => {
    const { tls } = listener === 'saslTls' ? await trusting() : { tls: undefined };
    const folder = kafka.authority.folder;
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, `${unsecuredToken(60)}\n`);
    const command = join(folder, 'print-token.sh');
    await writeFile(command, `#!/bin/sh\necho '${unsecuredToken(60)}'\n`);
    await chmod(command, 0o700);
    const from = (source: Pick<SaslConfig, 'token' | 'tokenCommand'>): SaslOptions => ({
      mechanism: 'oauthbearer',
      token: () => readToken(source),
    });
    const fromFile = from({ token: new Secret('read again', tokenFile), tokenCommand: undefined });
    expect(await connect(kafka.secured[listener], { tls, sasl: fromFile })).toBeUndefined();
    expect(await connect(kafka.secured[listener], { tls, sasl: from({ token: undefined, tokenCommand: [command] }) })).toBeUndefined();

    await writeFile(tokenFile, unsecuredToken(-60));
    expect(await connect(kafka.secured[listener], { tls, sasl: fromFile })).toMatchObject({ code: 'cluster_auth_failed' });
    const failing = await connect(kafka.secured[listener], {
      tls,
      sasl: from({ token: undefined, tokenCommand: ['/bin/sh', '-c', `echo ${right}; exit 3`] }),
    });
    expect(failing?.message).toMatch(/token command \/bin\/sh failed: exit code 3/);
  });

  it('takes a client certificate, and says so when there is none or a foreign one', async () => {
    const trust = (await trusting()).tls;
    const pair = { cert: await text(certificate.certFile), key: await text(certificate.keyFile) };
    expect(await connect(kafka.secured.mutualTls, { tls: { ...trust, ...pair } })).toBeUndefined();
    const without = await connect(kafka.secured.mutualTls, { tls: trust });
    expect(without?.message).toMatch(/wants a client certificate/);
    const stranger = await foreign.issue('farshore');
    const refused = await connect(kafka.secured.mutualTls, {
      tls: { ...trust, cert: await text(stranger.certFile), key: await text(stranger.keyFile) },
    });
    expect(refused?.message).toMatch(/refuses the client certificate|wants a client certificate/);
  });

  const sasl = { mechanism: 'scram-sha-512', username: 'farshore', password: right } as const;

  it.each<[string, () => Promise<readonly [string, Credentials]>, string, RegExp, RegExp]>([
    [
      'a foreign authority',
      async () => [kafka.secured.saslTls, { tls: { ca: await text(foreign.caFile) }, sasl }],
      'cluster_unreachable',
      /no authority that is trusted/,
      /tls\.caFile/,
    ],
    ['an expired certificate', async () => [kafka.secured.expiredTls, await trusting()], 'cluster_unreachable', /has expired/, /clock/],
    ['a certificate of tomorrow', async () => [kafka.secured.earlyTls, await trusting()], 'cluster_unreachable', /not valid yet/, /clock/],
    [
      'another name',
      async () => [kafka.secured.saslTls, { tls: { ...(await trusting()).tls, servername: 'kafka.example' }, sasl }],
      'cluster_unreachable',
      /certificate is for another name/,
      /tls\.serverName/,
    ],
    [
      'TLS at a plain listener',
      async () => [kafka.secured.saslPlain, { ...(await trusting()), sasl }],
      'cluster_unreachable',
      /TLS/,
      /TLS listener/,
    ],
    [
      'no TLS at a TLS listener',
      async () => [kafka.secured.saslTls, { sasl }],
      'cluster_unreachable',
      /speaks TLS on this port|closed the connection during the login/,
      /set tls/i,
    ],
    [
      'SASL where none is offered',
      async () => [kafka.bootstrap, { sasl }],
      'cluster_auth_failed',
      /takes no SASL login|does not offer/,
      /sasl/,
    ],
  ])('%s: says what is wrong', async (_what, given, code, message, hint) => {
    const failure = await connect(...(await given()));
    expect(failure?.code).toBe(code);
    expect(failure?.message).toMatch(message);
    expect(failure?.message).toContain('127.0.0.1:');
    expect(failure?.hint ?? '').toMatch(hint);
  });
});

import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CertificateAuthority } from './certificates.ts';
import { quickStartFlags, rigJava } from './java.ts';
import { type KafkaServer, startKafka } from './kafka.ts';
import { freePorts } from './ports.ts';

const run = promisify(execFile);

/** Listeners of a secured broker, beside the plain one that only the rig uses. */
export type SecuredListener = 'saslPlain' | 'saslTls' | 'mutualTls' | 'expiredTls' | 'earlyTls';

const listenerNames: Record<SecuredListener, { readonly name: string; readonly protocol: string }> = {
  saslPlain: { name: 'SASLPLAIN', protocol: 'SASL_PLAINTEXT' },
  saslTls: { name: 'SASLTLS', protocol: 'SASL_SSL' },
  mutualTls: { name: 'MUTUALTLS', protocol: 'SSL' },
  /** Shows a certificate that has expired, and one that is not valid yet. */
  expiredTls: { name: 'EXPIREDTLS', protocol: 'SSL' },
  earlyTls: { name: 'EARLYTLS', protocol: 'SSL' },
};

export interface SecuredKafkaOptions {
  readonly name: string;
  /** User and password of SASL PLAIN; SCRAM users are made with `setScramPassword`. */
  readonly plainUser: { readonly username: string; readonly password: string };
  /** Deny what no ACL allows; the rig's own listener may do everything. */
  readonly authorizer?: boolean;
  /** Re-authentication is due after this long (KIP-368). */
  readonly maxReauthMs?: number;
}

/** A real Kafka with TLS, every SASL mechanism and, on request, ACLs. */
export interface SecuredKafka extends AsyncDisposable {
  readonly server: KafkaServer;
  readonly authority: CertificateAuthority;
  /** Of the rig's own, plain listener. */
  readonly bootstrap: string;
  readonly secured: Readonly<Record<SecuredListener, string>>;
  setScramPassword(username: string, password: string, mechanism?: 'SCRAM-SHA-256' | 'SCRAM-SHA-512'): Promise<void>;
  /** Kafka's own `kafka-acls`, as a program. */
  readonly aclsProgram: string;
}

export async function startSecuredKafka(options: SecuredKafkaOptions): Promise<SecuredKafka> {
  const folder = await mkdtemp(join(tmpdir(), `farshore-security-${options.name}-`));
  try {
    const authority = await CertificateAuthority.create(folder);
    const keyStores = {
      valid: (await authority.issue('broker')).bothFile,
      expired: (await authority.issue('broker', { from: '20200101000000Z', to: '20200201000000Z' })).bothFile,
      early: (await authority.issue('broker', { from: '20480101000000Z', to: '20490101000000Z' })).bothFile,
    };
    const [port = 0, controllerPort = 0, ...others] = await freePorts(7);
    const ports = {
      saslPlain: others[0] ?? 0,
      saslTls: others[1] ?? 0,
      mutualTls: others[2] ?? 0,
      expiredTls: others[3] ?? 0,
      earlyTls: others[4] ?? 0,
    };
    const server = await startKafka({
      name: options.name,
      port,
      properties: securedProperties(options, { port, controllerPort, ports, keyStores, trustStore: authority.caFile }),
    });
    const tool = async (main: string, ...args: readonly string[]): Promise<string> => {
      const java = await rigJava();
      const { stdout } = await run('java', [
        ...quickStartFlags(java, 128),
        '-cp',
        java.classPath,
        main,
        '--bootstrap-server',
        server.bootstrap,
        ...args,
      ]);
      return stdout;
    };
    const java = await rigJava();
    const at = (listener: SecuredListener): string => `127.0.0.1:${ports[listener]}`;
    const aclsProgram = join(folder, 'kafka-acls.sh');
    const flags = quickStartFlags(java, 128).map((flag) => `'${flag}'`);
    await writeFile(
      aclsProgram,
      `#!/bin/sh\nexec java ${flags.join(' ')} -cp '${java.classPath}' org.apache.kafka.tools.AclCommand "$@"\n`,
    );
    await chmod(aclsProgram, 0o700);
    return {
      server,
      authority,
      bootstrap: server.bootstrap,
      secured: {
        saslPlain: at('saslPlain'),
        saslTls: at('saslTls'),
        mutualTls: at('mutualTls'),
        expiredTls: at('expiredTls'),
        earlyTls: at('earlyTls'),
      },
      async setScramPassword(username, password, mechanism = 'SCRAM-SHA-512') {
        const config = `${mechanism}=[iterations=4096,password=${password}]`;
        await tool('kafka.admin.ConfigCommand', '--alter', '--entity-type', 'users', '--entity-name', username, '--add-config', config);
      },
      aclsProgram,
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Place {
  readonly port: number;
  readonly controllerPort: number;
  readonly ports: Readonly<Record<SecuredListener, number>>;
  readonly keyStores: Readonly<Record<'valid' | 'expired' | 'early', string>>;
  readonly trustStore: string;
}

function securedProperties(
  options: SecuredKafkaOptions,
  { port, controllerPort, ports, keyStores, trustStore }: Place,
): Record<string, string> {
  const listeners = Object.entries(listenerNames).map(([key, { name, protocol }]) => ({
    name,
    protocol,
    port: ports[key as SecuredListener],
  }));
  const addresses = [`PLAINTEXT://127.0.0.1:${port}`, ...listeners.map((one) => `${one.name}://127.0.0.1:${one.port}`)];
  const { username, password } = options.plainUser;
  const modules = {
    plain: `org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";`,
    'scram-sha-256': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'scram-sha-512': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    // The broker takes unsecured JSON web tokens: what is tried here is the exchange, not an identity provider.
    oauthbearer: 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
  };
  const sasl = listeners
    .filter(({ protocol }) => protocol.startsWith('SASL'))
    .flatMap(({ name }) =>
      Object.entries(modules).flatMap(([mechanism, module]) => {
        const prefix = `listener.name.${name.toLowerCase()}.${mechanism}`;
        const reauth = options.maxReauthMs === undefined ? [] : [[`${prefix}.connections.max.reauth.ms`, String(options.maxReauthMs)]];
        return [[`${prefix}.sasl.jaas.config`, module], ...reauth];
      }),
    );
  return {
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: [...addresses, `CONTROLLER://127.0.0.1:${controllerPort}`].join(','),
    'advertised.listeners': addresses.join(','),
    'listener.security.protocol.map': [
      'PLAINTEXT:PLAINTEXT',
      'CONTROLLER:PLAINTEXT',
      ...listeners.map((one) => `${one.name}:${one.protocol}`),
    ].join(','),
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keyStores.valid,
    'listener.name.expiredtls.ssl.keystore.location': keyStores.expired,
    'listener.name.earlytls.ssl.keystore.location': keyStores.early,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': trustStore,
    [`listener.name.${listenerNames.mutualTls.name.toLowerCase()}.ssl.client.auth`]: 'required',
    'ssl.principal.mapping.rules': 'RULE:^CN=([^,]+).*$/$1/,DEFAULT',
    ...Object.fromEntries(sasl as [string, string][]),
    ...(options.authorizer === true
      ? { 'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer', 'super.users': 'User:ANONYMOUS' }
      : {}),
  };
}

/** An unsecured JSON web token, as the broker's test validator takes it. */
export function unsecuredToken(lifetimeSeconds: number): string {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ sub: 'farshore', iat: nowSeconds - 120, exp: nowSeconds + lifetimeSeconds })}.`;
}

import type {
  AdminConfig,
  DatabaseConfig,
  FarshoreConfig,
  KafkaConfig,
  RegistryConfig,
  ShadowConfig,
  ShadowTargetConfig,
  TlsConfig,
} from './config.ts';
import type { AdminDocument, ConfigDocument } from './schema.ts';
import type { Secret } from './secret.ts';
import type { SecretFiles } from './secret-files.ts';
import { defaultTable, qualifiedTable } from './table-checks.ts';
import type { Path } from './yaml-source.ts';

/** What a document without problems needs to become a configuration. */
export interface Resolving {
  readonly files: SecretFiles;
  /** Resolves a path against the folder of the configuration. */
  readonly absolute: (path: string) => string;
}

export function resolveConfig(document: ConfigDocument, { files, absolute }: Resolving): FarshoreConfig {
  const { primary, regional } = document;
  return {
    region: document.region,
    primary: {
      name: primary.name,
      kafka: kafkaConfig(primary.kafka, files, ['primary', 'kafka']),
      registry: primary.registry && registryConfig(primary.registry, files, ['primary', 'registry'], absolute),
      database: primary.database && databaseConfig(primary.database, files, ['primary', 'database']),
      heartbeat: primary.heartbeat,
    },
    regional: {
      kafka: kafkaConfig(regional.kafka, files, ['regional', 'kafka']),
      registry: regional.registry && registryConfig(regional.registry, files, ['regional', 'registry'], absolute),
      database: databaseConfig(regional.database, files, ['regional', 'database']),
    },
    mirror: document.mirror,
    apply: {
      ...document.apply,
      tables: document.apply.tables.map(tableEntry),
    },
    rejected: document.rejected,
    parked: document.parked,
    audit: document.audit,
    backfill: document.backfill,
    outbox: document.outbox,
    shadow: document.shadow && shadowConfig(document.shadow, files),
    cutover: {
      ...document.cutover,
      primaryDatabase:
        document.cutover.primaryDatabase && databaseConfig(document.cutover.primaryDatabase, files, ['cutover', 'primaryDatabase']),
      holdFile: document.cutover.holdFile === undefined ? undefined : absolute(document.cutover.holdFile),
    },
    limits: document.limits,
    admin: adminConfig(document.admin, files),
    lease: document.lease,
    log: document.log,
  };
}

/** The checks have seen that each choice was made once. */
const tableEntry = (entry: ConfigDocument['apply']['tables'][number]): FarshoreConfig['apply']['tables'][number] =>
  ({
    ...entry,
    table: entry.table === undefined ? defaultTable(entry.topic) : qualifiedTable(entry.table),
  }) as FarshoreConfig['apply']['tables'][number];

function shadowConfig(shadow: NonNullable<ConfigDocument['shadow']>, files: SecretFiles): ShadowConfig {
  const target = (side: 'primary' | 'region'): ShadowTargetConfig => {
    const { url, host, allowPrivate, authorization, cookie } = shadow.targets[side];
    const fromFile = (key: string): Secret | undefined => files.get(['shadow', 'targets', side, key]);
    return {
      url,
      host,
      allowPrivate,
      authorization: authorization ?? fromFile('authorizationFile'),
      cookie: cookie ?? fromFile('cookieFile'),
      ca: fromFile('caFile'),
    };
  };
  return { ...shadow, targets: { primary: target('primary'), region: target('region') } };
}

export const adminConfig = (admin: AdminDocument, files: SecretFiles): AdminConfig => ({
  listen: admin.listen,
  token: files.get(['admin', 'tokenFile']),
});

function kafkaConfig(kafka: ConfigDocument['primary']['kafka'], files: SecretFiles, path: Path): KafkaConfig {
  const { sasl } = kafka;
  return {
    brokers: kafka.brokers,
    tls: tlsConfig(kafka.tls, files, [...path, 'tls']),
    sasl: sasl && {
      mechanism: sasl.mechanism,
      username: sasl.username,
      password: sasl.password ?? files.get([...path, 'sasl', 'passwordFile']),
      token: files.get([...path, 'sasl', 'tokenFile']),
      tokenCommand: sasl.tokenCommand,
    },
    clientId: kafka.clientId,
    rack: kafka.rack,
    requestTimeoutMs: kafka.requestTimeoutMs,
  };
}

function tlsConfig(tls: ConfigDocument['primary']['kafka']['tls'], files: SecretFiles, path: Path): TlsConfig | undefined {
  if (tls === undefined) return undefined;
  return {
    ca: files.get([...path, 'caFile']),
    cert: files.get([...path, 'certFile']),
    key: files.get([...path, 'keyFile']),
    serverName: tls.serverName,
  };
}

function registryConfig(
  registry: NonNullable<ConfigDocument['primary']['registry']>,
  files: SecretFiles,
  path: Path,
  absolute: Resolving['absolute'],
): RegistryConfig {
  if (registry.url === undefined) return { kind: 'directory', directory: absolute(registry.directory ?? '') };
  return {
    kind: 'http',
    url: registry.url,
    username: registry.username,
    password: registry.password ?? files.get([...path, 'passwordFile']),
    ca: files.get([...path, 'caFile']),
  };
}

function databaseConfig(database: ConfigDocument['regional']['database'], files: SecretFiles, path: Path): DatabaseConfig {
  return {
    url: either(database.url, files.get([...path, 'urlFile'])),
    tls: tlsConfig(database.tls, files, [...path, 'tls']),
    maxConnections: database.maxConnections,
    statementTimeoutMs: database.statementTimeoutMs,
    lockTimeoutMs: database.lockTimeoutMs,
  };
}

/** The checks have seen that one of the two is there. */
function either(written: Secret | undefined, read: Secret | undefined): Secret {
  const secret = written ?? read;
  if (secret === undefined) throw new TypeError('a secret without a value passed the checks');
  return secret;
}

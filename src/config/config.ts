import type { TableEntry } from '../apply/table-entry.ts';
import type { ConfigDocument } from './schema.ts';
import type { Secret } from './secret.ts';
import type { ShadowDocument } from './shadow-schema.ts';

type DeepReadonly<T> = T extends Secret
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
      : T;

/**
 * A configuration without problems: defaults filled in, references replaced, files read. A value that
 * came from a `…File` key is a Secret that knows its file, certificates included, so that it can be read again.
 */
export interface FarshoreConfig {
  readonly region: string;
  readonly primary: {
    readonly name: string;
    readonly kafka: KafkaConfig;
    readonly registry: RegistryConfig | undefined;
    readonly database: DatabaseConfig | undefined;
    readonly heartbeat: DeepReadonly<ConfigDocument['primary']['heartbeat']>;
  };
  readonly regional: {
    readonly kafka: KafkaConfig;
    readonly registry: RegistryConfig | undefined;
    readonly database: DatabaseConfig;
  };
  readonly mirror: DeepReadonly<ConfigDocument['mirror']>;
  readonly apply: Omit<DeepReadonly<ConfigDocument['apply']>, 'tables'> & {
    readonly tables: readonly (TableEntry & { readonly table: string })[];
  };
  readonly rejected: DeepReadonly<ConfigDocument['rejected']>;
  readonly parked: DeepReadonly<ConfigDocument['parked']>;
  readonly audit: DeepReadonly<ConfigDocument['audit']>;
  readonly backfill: DeepReadonly<ConfigDocument['backfill']>;
  readonly outbox: DeepReadonly<ConfigDocument['outbox']>;
  readonly shadow: ShadowConfig | undefined;
  readonly cutover: Omit<DeepReadonly<ConfigDocument['cutover']>, 'holdFile' | 'primaryDatabase'> & {
    readonly primaryDatabase: DatabaseConfig | undefined;
    /** Absolute. */
    readonly holdFile: string | undefined;
  };
  readonly limits: DeepReadonly<ConfigDocument['limits']>;
  readonly admin: AdminConfig;
  readonly lease: DeepReadonly<ConfigDocument['lease']>;
  readonly log: DeepReadonly<ConfigDocument['log']>;
}

export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly tls: TlsConfig | undefined;
  readonly sasl: SaslConfig | undefined;
  readonly clientId: string;
  readonly rack: string | undefined;
  readonly requestTimeoutMs: number;
}

/** PEM texts. Present but empty means: TLS with the authorities of the system. */
export interface TlsConfig {
  readonly ca: Secret | undefined;
  readonly cert: Secret | undefined;
  readonly key: Secret | undefined;
  readonly serverName: string | undefined;
}

export interface SaslConfig {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer';
  /** Given for every mechanism but oauthbearer. */
  readonly username: string | undefined;
  /** Given for every mechanism but oauthbearer. */
  readonly password: Secret | undefined;
  /** For oauthbearer one of the two; the token is a Secret with a file. */
  readonly token: Secret | undefined;
  readonly tokenCommand: readonly string[] | undefined;
}

export type RegistryConfig =
  | {
      readonly kind: 'http';
      readonly url: string;
      readonly username: string | undefined;
      readonly password: Secret | undefined;
      readonly ca: Secret | undefined;
    }
  | { readonly kind: 'directory' /** Absolute. */; readonly directory: string };

export interface DatabaseConfig {
  readonly url: Secret;
  readonly tls: TlsConfig | undefined;
  readonly maxConnections: number | undefined;
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
}

export interface AdminConfig {
  /** `host:port`; parseListen splits it. */
  readonly listen: string;
  readonly token: Secret | undefined;
}

export interface ShadowConfig extends Omit<DeepReadonly<ShadowDocument>, 'targets'> {
  readonly targets: { readonly primary: ShadowTargetConfig; readonly region: ShadowTargetConfig };
}

export interface ShadowTargetConfig {
  readonly url: string;
  readonly host: string | undefined;
  readonly allowPrivate: boolean;
  readonly authorization: Secret | undefined;
  readonly cookie: Secret | undefined;
  readonly ca: Secret | undefined;
}

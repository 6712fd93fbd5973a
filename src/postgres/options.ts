import { checkServerIdentity, type ConnectionOptions as TlsConnectionOptions } from 'node:tls';
import { FarshoreError } from '../model/errors.ts';

/** Where a server listens and as whom to log in, read from a `postgres://` address. */
export interface DatabaseAddress {
  /** Host name, IP address, or the folder of a unix socket (starts with `/`). */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password: string | undefined;
  /** Whether the address itself asks for TLS (`sslmode=verify-full`), forbids it, or says nothing. */
  readonly tls: 'verify-full' | 'disable' | undefined;
}

/** Certificates as PEM text. The server's certificate and name are always verified. */
export interface DatabaseTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Name the certificate must carry when it is not the host. */
  readonly serverName?: string;
}

export interface DatabaseOptions {
  readonly address: DatabaseAddress;
  /** Asked anew for every connection, so that a changed secret file is seen; else the address's password. */
  readonly password?: (() => Promise<string>) | undefined;
  readonly tls?: DatabaseTls | undefined;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Most connections the pool opens at a time. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** Longest wait for one answer (a whole pipelined transaction) before the connection is given up. */
  readonly requestTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  /** After this the server frees the locks of a session that stopped in the middle of a transaction. */
  readonly idleInTransactionTimeoutMs: number;
  /** Nothing may be written by these sessions, and a transaction sees one snapshot. */
  readonly readOnly?: boolean | undefined;
}

/** Limits nest: lock < statement < request, so that the server's own answer, which says more, comes first. */
export const databaseTimeouts = {
  connectTimeoutMs: 10_000,
  lockTimeoutMs: 10_000,
  statementTimeoutMs: 30_000,
  idleInTransactionTimeoutMs: 30_000,
  requestTimeoutMs: 40_000,
} as const;

const invalid = (message: string, hint: string): FarshoreError => new FarshoreError('config_invalid', message, { hint });

/**
 * Reads `postgres://user[:password]@host[:port]/database[?sslmode=disable|verify-full]`;
 * a unix socket is `postgres://user@localhost/database?host=/socket/folder`.
 * Nothing is taken from PG* environment variables or ~/.pgpass, and no part but the port has a default.
 * Throws `config_invalid`; its text never holds the address, which may carry a password.
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const example = 'Write it as postgres://user@host:5432/database.';
  if (!URL.canParse(text)) throw invalid('The database address is not a URL.', example);
  const url = new URL(text);
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    throw invalid('The database address does not start with postgres://.', example);
  }
  const host = url.searchParams.get('host') ?? url.hostname.replace(/^\[(.*)\]$/, '$1');
  const user = decoded(url.username);
  const database = decoded(url.pathname.slice(1));
  if (host === '') throw invalid('The database address names no host.', example);
  if (user === '') throw invalid('The database address names no user.', example);
  if (database === '') throw invalid('The database address names no database.', example);
  for (const name of url.searchParams.keys()) {
    if (name !== 'host' && name !== 'sslmode') {
      throw invalid(`The database address has an unknown parameter ${JSON.stringify(name)}.`, 'Only sslmode and host are read.');
    }
  }
  return {
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    user,
    database,
    password: url.password === '' ? undefined : decoded(url.password),
    tls: parseSslMode(url.searchParams.get('sslmode')),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid('The database address has a % that is no percent-encoding.', 'Write a literal % as %25.');
  }
}

function parseSslMode(mode: string | null): DatabaseAddress['tls'] {
  if (mode === null) return undefined;
  if (mode === 'disable' || mode === 'verify-full') return mode;
  throw invalid(
    `sslmode=${JSON.stringify(mode)} of the database address is not supported.`,
    'Use verify-full (with the CA under tls) or disable; modes that do not verify the server are not offered.',
  );
}

/** TLS settings for the driver, or false for none. Certificates without a word in the address mean TLS. */
export function tlsSettings(options: DatabaseOptions): TlsConnectionOptions | false {
  const { address, tls } = options;
  if (address.tls === 'disable') {
    if (tls !== undefined) throw invalid('The database address says sslmode=disable, and tls is set.', 'Remove one of the two.');
    return false;
  }
  if (address.tls === undefined && tls === undefined) return false;
  const serverName = tls?.serverName;
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls?.key === undefined ? {} : { key: tls.key }),
    // The driver sets the name to the host again, so the other name is asked for where it is checked.
    ...(serverName === undefined ? {} : { checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate) }),
  };
}

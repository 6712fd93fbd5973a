import type { DatabaseConfig } from '../config/config.ts';
import type { Clock } from '../model/clock.ts';
import { Database } from '../postgres/database.ts';
import { type DatabaseOptions, databaseTimeouts, parseDatabaseUrl } from '../postgres/options.ts';
import { pemTexts } from './tls.ts';

/** Connections beside apply's: the ledgers, an operator's request and the schemas must not wait behind rows. */
const BESIDE_APPLY = 2;

/** `current` is asked for each connection, so that changed credentials count from the next one on. */
export function regionalDatabase(current: () => DatabaseConfig, applyConnections: number, clock: Clock): Database {
  return new Database(() => databaseOptions(current(), applyConnections), clock);
}

/** For the leases of shards, which are renewed whatever the rows wait for. */
export const leaseDatabase = (current: () => DatabaseConfig, clock: Clock): Database =>
  new Database(() => ({ ...databaseOptions(current(), 0), connections: 2 }), clock);

/** The primary's database, of which nothing is asked but to read. */
export function primaryDatabase(current: () => DatabaseConfig, connections: number, clock: Clock): Database {
  return new Database(
    () => ({ ...databaseOptions(current(), 0), connections: current().maxConnections ?? connections, readOnly: true }),
    clock,
  );
}

/** The primary's database as the role that may change its writers' rights. */
export const primaryAdminDatabase = (current: () => DatabaseConfig, clock: Clock): Database =>
  new Database(() => ({ ...databaseOptions(current(), 0), connections: 1 }), clock);

function databaseOptions(config: DatabaseConfig, applyConnections: number): DatabaseOptions {
  const { tls } = config;
  return {
    address: parseDatabaseUrl(config.url.reveal()),
    applicationName: 'farshore',
    connections: config.maxConnections ?? applyConnections + BESIDE_APPLY,
    ...databaseTimeouts,
    statementTimeoutMs: config.statementTimeoutMs,
    lockTimeoutMs: config.lockTimeoutMs,
    requestTimeoutMs: config.statementTimeoutMs + 10_000,
    ...(tls === undefined ? {} : { tls: { ...pemTexts(tls), ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }) } }),
  };
}

import type { DatabaseConfig } from '../config/config.ts';
import type { Clock } from '../model/clock.ts';
import { Database } from '../postgres/database.ts';
import { databaseTimeouts, parseDatabaseUrl } from '../postgres/options.ts';
import { pemTexts } from './tls.ts';

/** Connections beside apply's: the ledgers, an operator's request and the schemas must not wait behind rows. */
const BESIDE_APPLY = 2;

export function regionalDatabase(config: DatabaseConfig, applyConnections: number, clock: Clock): Database {
  const address = parseDatabaseUrl(config.url.reveal());
  const { tls } = config;
  return new Database(
    {
      address,
      applicationName: 'farshore',
      connections: config.maxConnections ?? applyConnections + BESIDE_APPLY,
      ...databaseTimeouts,
      statementTimeoutMs: config.statementTimeoutMs,
      lockTimeoutMs: config.lockTimeoutMs,
      requestTimeoutMs: config.statementTimeoutMs + 10_000,
      ...(tls === undefined
        ? {}
        : {
            tls: {
              ...pemTexts(tls),
              ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
            },
          }),
    },
    clock,
  );
}

import { SchemaCarrier } from '../avro/carrier.ts';
import { ConflictWatch } from '../avro/conflict-watch.ts';
import type { SchemaRegistry } from '../avro/contracts.ts';
import { AvroDecoders } from '../avro/decoders.ts';
import { directoryRegistry } from '../avro/registry-directory.ts';
import { httpRegistry } from '../avro/registry-http.ts';
import type { HttpRegistryOptions } from '../avro/registry-requests.ts';
import type { RegistryConfig } from '../config/config.ts';
import { HttpClient } from '../http/http-get.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Component, Observe } from '../model/events.ts';
import type { Database } from '../postgres/database.ts';
import { schemaKeeper } from '../postgres/schema-keeper.ts';

const REGISTRY_TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const BREAKER_RESET_MS = 5_000;
const MISSING_RETRY_MS = 2_000;

/** The primary's registry; undefined in a region that only mirrors. */
export function schemaRegistry(current: () => RegistryConfig | undefined, observe: Observe): SchemaRegistry | undefined {
  const config = current();
  if (config === undefined) return undefined;
  if (config.kind === 'directory') return directoryRegistry(config.directory);
  return httpRegistry(registryOptions(config, current, 'registry', observe));
}

/** A client of its own, with its breaker; the password is asked for at each request. */
export function registryOptions(
  { url, username, password, ca }: Extract<RegistryConfig, { kind: 'http' }>,
  current: () => RegistryConfig | undefined,
  component: Component,
  observe: Observe,
): HttpRegistryOptions {
  const client = new HttpClient({
    ca: ca?.reveal(),
    maxBodyBytes: MAX_ANSWER_BYTES,
    breakerResetMs: BREAKER_RESET_MS,
    observe: ({ state, origin }) =>
      observe({ type: 'component', component, up: state === 'closed', reason: `circuit breaker of ${origin} is ${state}` }),
  });
  return {
    url,
    username,
    password: password === undefined ? undefined : () => registryPassword(current()) ?? password.reveal(),
    timeoutMs: REGISTRY_TIMEOUT_MS,
    get: client.get,
    send: client.get,
  };
}

const registryPassword = (config: RegistryConfig | undefined): string | undefined =>
  config?.kind === 'http' ? config.password?.reveal() : undefined;

export interface Schemas {
  readonly decoders: AvroDecoders;
  readonly carrier: SchemaCarrier | undefined;
  /** Of these decoders: it runs wherever they are used, also where the carrier does not. */
  readonly conflicts: ConflictWatch;
  readonly registry: SchemaRegistry | undefined;
}

export function schemas(current: () => RegistryConfig | undefined, database: Database, clock: Clock, observe: Observe): Schemas {
  const registry = schemaRegistry(current, observe);
  const keeper = schemaKeeper(database);
  const from = registry ?? noRegistry;
  const decoders = new AvroDecoders({ registry: from, keeper, observe, clock, missingRetryMs: MISSING_RETRY_MS });
  return {
    decoders,
    conflicts: new ConflictWatch({ registry: from.name, keeper, refuse: decoders.refuse }),
    registry,
    carrier: registry === undefined ? undefined : new SchemaCarrier({ registry, keeper, observe, refuse: decoders.refuse }),
  };
}

const noRegistry: SchemaRegistry = {
  name: 'no registry',
  byRef: async (ref) => {
    throw new FarshoreError('schema_unusable', `Schema ${ref} is needed and no registry is configured`, {
      place: 'primary.registry',
      hint: 'Set primary.registry to the address or directory of the schemas.',
    });
  },
  refs: async () => [],
  newest: async () => 'missing',
  compatibility: async () => undefined,
};

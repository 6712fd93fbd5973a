import { chooseRig } from './choose.ts';
import { givenKafka, givenPostgres } from './given.ts';
import { type KafkaOptions, type KafkaServer, startKafka } from './kafka.ts';
import { type PostgresOptions, type PostgresServer, startPostgres } from './postgres.ts';
import { sweepAbandonedHomes } from './server-home.ts';

export interface RigOptions {
  readonly primary?: Partial<KafkaOptions>;
  readonly regional?: Partial<KafkaOptions>;
  readonly database?: Partial<PostgresOptions>;
  /** Gives up starting. */
  readonly signal?: AbortSignal;
}

/** A server process started here, for whoever ends it after this process released it. */
export interface ServerPlace {
  readonly name: string;
  readonly pid: number;
  /** Data, configuration and log; removed by whoever ends the server. */
  readonly directory: string;
}

/** The three servers a region's daemon meets. */
export interface Rig extends AsyncDisposable {
  readonly primary: KafkaServer;
  readonly regional: KafkaServer;
  readonly database: PostgresServer;
  /** The local processes with temporary data; none where servers were given or run in containers. */
  places(): readonly ServerPlace[];
  /** Leaves servers and data behind when this process ends. */
  release(): Promise<void>;
}

function assemble(primary: KafkaServer, regional: KafkaServer, database: PostgresServer): Rig {
  const servers = [primary, regional, database];
  return {
    primary,
    regional,
    database,
    places: () =>
      servers.flatMap((server) =>
        server.temporaryDirectory === undefined ? [] : [{ name: server.name, pid: server.pid, directory: server.temporaryDirectory }],
      ),
    async release() {
      await Promise.all(servers.map((server) => server.release()));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

/** Starts all three at once and resolves when all serve. When one fails, the others are stopped and its error is thrown. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  // Addresses that are given need no look at Docker.
  const way = chooseRig({ env: process.env, containersUsable: false });
  if (way.kind === 'given') {
    return assemble(givenKafka('primary', way.primary), givenKafka('regional', way.regional), givenPostgres('database', way.database));
  }
  await sweepAbandonedHomes();
  const containers = await import('./containers.ts');
  const inContainers = chooseRig({ env: process.env, containersUsable: await containers.containersUsable() }).kind === 'containers';
  const kafka = inContainers ? containers.startKafkaContainer : startKafka;
  const postgres = inContainers ? containers.startPostgresContainer : startPostgres;
  const { signal } = options;
  const common = signal === undefined ? {} : { signal };
  const started = await Promise.allSettled([
    kafka({ name: 'primary', ...common, ...options.primary }),
    kafka({ name: 'regional', ...common, ...options.regional }),
    postgres({ name: 'database', ...common, ...options.database }),
  ] as const);
  const [primary, regional, database] = started;
  if (primary.status === 'fulfilled' && regional.status === 'fulfilled' && database.status === 'fulfilled') {
    return assemble(primary.value, regional.value, database.value);
  }
  await Promise.all(started.map(async (one) => (one.status === 'fulfilled' ? await one.value[Symbol.asyncDispose]() : undefined)));
  const failed = started.find((one) => one.status === 'rejected');
  throw failed?.reason;
}

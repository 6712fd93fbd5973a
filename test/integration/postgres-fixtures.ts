import { connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/model/clock.ts';
import { Database } from '../../src/postgres/database.ts';
import { loadMigrations, migrate } from '../../src/postgres/migrations.ts';
import { type DatabaseOptions, databaseTimeouts, parseDatabaseUrl } from '../../src/postgres/options.ts';

/** A signal that nobody aborts. */
export const never = new AbortController().signal;

export const optionsFor = (url: string, changes: Partial<DatabaseOptions> = {}): DatabaseOptions => ({
  address: parseDatabaseUrl(url),
  applicationName: 'farshore-test',
  connections: 4,
  ...databaseTimeouts,
  ...changes,
});

/** Connects when it is first used; the caller closes it. */
export const openDatabase = (url: string, changes: Partial<DatabaseOptions> = {}): Database =>
  new Database(optionsFor(url, changes), systemClock);

export async function migratedDatabase(url: string): Promise<Database> {
  const database = openDatabase(url);
  await migrate(database, await loadMigrations(), never);
  return database;
}

export const rowsOf = async (database: Database, text: string, values: readonly unknown[] = []) =>
  (await database.query({ text, values }, never)).rows;

/** As a cutover leaves it: this region is the home of the topic, or another. */
export const homeAt = (topic: string, home: string) => ({
  text: `insert into farshore.topics (topic, home, home_epoch, home_topic_id, regional_topic_id, partitions, generation)
values ($1, $2, 2, gen_random_uuid(), gen_random_uuid(), 1, 1) on conflict (topic) do update set home = excluded.home`,
  values: [topic, home],
});

/** What `work` rejects with; fails the test when it resolves. */
export async function rejectionOf(work: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([work]);
  if (outcome.status === 'fulfilled') throw new Error('It resolved.');
  return outcome.reason;
}

/** A server address in front of the real one that can lose answers or the connection. */
export interface Proxy {
  readonly url: string;
  /** From now on nothing the server says arrives. */
  muteServer(): void;
  /** Resolves when the server has said something after it was muted. */
  readonly mutedAnswer: Promise<void>;
  cut(): void;
}

export async function proxyTo(url: string): Promise<Proxy> {
  const target = parseDatabaseUrl(url);
  const sockets = new Set<Socket>();
  let muted = false;
  const { promise: mutedAnswer, resolve: answered } = Promise.withResolvers<void>();
  const server: Server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    sockets.add(client).add(upstream);
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      if (muted) answered();
      else client.write(bytes);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  onTestFinished(async () => {
    cut();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.');
  return {
    url: `postgres://${target.user}@127.0.0.1:${address.port}/${target.database}`,
    muteServer: () => {
      muted = true;
    },
    mutedAnswer,
    cut,
  };
}

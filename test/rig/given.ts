import type { KafkaServer } from './kafka.ts';
import { createDatabaseAt, type PostgresServer } from './postgres.ts';

const notOurs = (what: string): never => {
  throw new Error(`${what} was given by its address: tests may use it, but not signal, stop or restart it`);
};

/** A Kafka that somebody else runs. Disposing of it leaves it as it is. */
export function givenKafka(name: string, bootstrap: string): KafkaServer {
  const refuse = async (): Promise<void> => notOurs(`Kafka ${name}`);
  return {
    name,
    bootstrap,
    port: Number(bootstrap.split(',')[0]?.split(':').at(-1)),
    get pid() {
      return notOurs(`Kafka ${name}`);
    },
    clusterId: '',
    dataDir: '',
    logFile: '',
    temporaryDirectory: undefined,
    stop: refuse,
    kill: refuse,
    restart: refuse,
    release: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** A PostgreSQL that somebody else runs; its user must be allowed to create databases. */
export function givenPostgres(name: string, url: string): PostgresServer {
  const refuse = async (): Promise<void> => notOurs(`PostgreSQL ${name}`);
  return {
    name,
    url,
    port: Number(new URL(url).port || 5432),
    get pid() {
      return notOurs(`PostgreSQL ${name}`);
    },
    dataDir: '',
    logFile: '',
    temporaryDirectory: undefined,
    stop: refuse,
    kill: refuse,
    restart: refuse,
    createDatabase: (database) => createDatabaseAt(url, database),
    release: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

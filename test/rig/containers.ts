import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { GenericContainer, type StartedTestContainer } from 'testcontainers';
import type { KafkaOptions, KafkaServer } from './kafka.ts';
import { brokerProperties, featureArguments, propertiesText } from './kafka-config.ts';
import { brokerAnswers } from './kafka-probe.ts';
import { freePorts } from './ports.ts';
import { createDatabaseAt, databaseAnswers, type PostgresOptions, type PostgresServer } from './postgres.ts';

const run = promisify(execFile);
export const kafkaImage = 'farshore-kafka-test';
export const postgresImage = 'postgres:18';

/** Docker's daemon answers and holds the images. */
export async function containersUsable(): Promise<boolean> {
  return await run('docker', ['image', 'inspect', kafkaImage, postgresImage], { timeout: 5_000 }).then(
    () => true,
    () => false,
  );
}

async function untilAnswers(name: string, answers: () => Promise<boolean>): Promise<void> {
  const startedMs = performance.now();
  while (!(await answers())) {
    if (performance.now() - startedMs > 60_000) throw new Error(`container ${name} did not answer within 60 s`);
    await delay(100);
  }
}

/** What both servers do in the same way. Host networking gives a container the same ports and addresses as a local process. */
function controls(name: string, container: StartedTestContainer, answers: () => Promise<boolean>) {
  const docker = async (...args: string[]): Promise<void> => {
    await run('docker', args);
  };
  return {
    get pid(): number {
      throw new Error(`${name} runs in a container and has no pid here`);
    },
    temporaryDirectory: undefined,
    stop: () => docker('stop', container.getId()),
    kill: (signal: NodeJS.Signals) => docker('kill', '--signal', signal, container.getId()),
    async restart() {
      await docker('restart', container.getId());
      await untilAnswers(name, answers);
    },
    release: async () => {
      throw new Error(`${name} runs in a container, which testcontainers removes when this process ends`);
    },
    [Symbol.asyncDispose]: async () => {
      await container.stop({ timeout: 0 });
    },
  };
}

export async function startKafkaContainer(options: KafkaOptions): Promise<KafkaServer> {
  const [freePort = 0, controllerPort = 0] = await freePorts(2);
  const port = options.port ?? freePort;
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const dataDir = '/tmp/data';
  const proxied = options.proxied === undefined ? {} : { proxied: options.proxied };
  const content = propertiesText(brokerProperties({ port, controllerPort, dataDir, ...proxied }, options.properties ?? {}));
  const container = await new GenericContainer(kafkaImage)
    .withNetworkMode('host')
    .withCopyContentToContainer([{ content, target: '/etc/broker.properties' }])
    .withCommand([clusterId, ...featureArguments(options.features ?? {})])
    .start();
  const answers = (): Promise<boolean> => brokerAnswers('127.0.0.1', port, 2_000);
  await untilAnswers(options.name, answers);
  const common = { name: options.name, bootstrap: `127.0.0.1:${port}`, port, clusterId, dataDir, logFile: '' };
  return Object.defineProperties(common, Object.getOwnPropertyDescriptors(controls(options.name, container, answers))) as KafkaServer;
}

export async function startPostgresContainer(options: PostgresOptions): Promise<PostgresServer> {
  const [freePort = 0] = await freePorts(1);
  const port = options.port ?? freePort;
  const settings = { port: String(port), listen_addresses: '127.0.0.1', TimeZone: 'UTC', ...options.parameters };
  const container = await new GenericContainer(postgresImage)
    .withNetworkMode('host')
    .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: 'trust' })
    .withCommand(['postgres', ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])])
    .start();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const answers = (): Promise<boolean> => databaseAnswers(url);
  await untilAnswers(options.name, answers);
  const common = { name: options.name, url, port, dataDir: '', logFile: '', createDatabase: (name: string) => createDatabaseAt(url, name) };
  return Object.defineProperties(common, Object.getOwnPropertyDescriptors(controls(options.name, container, answers))) as PostgresServer;
}

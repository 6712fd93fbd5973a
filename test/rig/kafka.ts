import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, quickStartFlags, type RigJava, rigJava } from './java.ts';
import { brokerProperties, clusterIdIn, featureArguments, type ProxiedListener, propertiesText } from './kafka-config.ts';
import { brokerAnswers } from './kafka-probe.ts';
import { freePorts } from './ports.ts';
import { makeServerHome, markReleased, removeServerHome, type ServerHome } from './server-home.ts';
import { type SupervisedServer, supervise, waitUntilReady } from './supervised.ts';

export interface KafkaOptions {
  /** Names the temporary directory and the errors. */
  readonly name: string;
  /** Kept on dispose; a directory that is formatted already is used as it is. Default: a temporary directory. */
  readonly dataDir?: string;
  readonly properties?: Readonly<Record<string, string>>;
  readonly port?: number;
  readonly proxied?: ProxiedListener;
  /** To format with, where several nodes are one cluster. Default: an id of its own. */
  readonly clusterId?: string;
  /** Feature levels to format with, e.g. `{ 'transaction.version': 0 }`; default: the newest of each. */
  readonly features?: Readonly<Record<string, number>>;
  readonly heapMiB?: number;
  /** Further flags of the virtual machine. */
  readonly javaFlags?: readonly string[];
  readonly signal?: AbortSignal;
}

export interface KafkaServer extends AsyncDisposable {
  readonly name: string;
  /** `127.0.0.1:port` */
  readonly bootstrap: string;
  readonly port: number;
  /** Of the process running now, or last. Throws for a server that is not a process started here. */
  readonly pid: number;
  readonly clusterId: string;
  readonly dataDir: string;
  readonly logFile: string;
  /** Removed on dispose; undefined where the data is not ours to remove. */
  readonly temporaryDirectory: string | undefined;
  /** Stops in order and keeps the data, for `restart`. */
  stop(): Promise<void>;
  /** Sends a signal. For SIGKILL and SIGTERM resolves when the process has ended, for others at once. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts again with the same port and data, stopping first when it runs. */
  restart(): Promise<void>;
  /** Leaves server and data behind when this process ends. */
  release(): Promise<void>;
  /** Stops it; removes the data unless `dataDir` was given. */
  [Symbol.asyncDispose](): Promise<void>;
}

const readyDeadlineMs = 60_000;
const stopGraceMs = 20_000;

async function launch(
  java: RigJava,
  home: ServerHome,
  port: number,
  options: KafkaOptions,
  format: readonly string[],
): Promise<SupervisedServer> {
  const server = await supervise({
    command: 'java',
    args: [
      ...quickStartFlags(java, options.heapMiB ?? 512),
      ...(options.javaFlags ?? []),
      '-cp',
      java.classPath,
      'RigBroker',
      home.configFile,
      ...format,
    ],
    cwd: '/',
    env: {},
    logFile: home.logFile,
    // Nobody will read an orphan's data again: no need for an orderly stop.
    orphanSignal: 'SIGKILL',
    orphanGraceMs: 0,
    ...(home.temporaryDirectory === undefined ? {} : { temporaryDirectory: home.temporaryDirectory }),
  });
  try {
    await waitUntilReady({
      name: `Kafka ${options.name}`,
      server,
      isReady: () => brokerAnswers('127.0.0.1', port, 2_000),
      deadlineMs: readyDeadlineMs,
      logFile: home.logFile,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (error) {
    await server.end('SIGKILL', 0);
    throw error;
  }
  return server;
}

async function storedClusterId(dataDir: string): Promise<string | undefined> {
  const path = join(dataDir, 'meta.properties');
  return (await exists(path)) ? clusterIdIn(await readFile(path, 'utf8')) : undefined;
}

/**
 * A single-node Kafka (KRaft, broker and controller in one) on loopback, serving when the promise resolves. It ends with this process,
 * however this process ends.
 */
export async function startKafka(options: KafkaOptions): Promise<KafkaServer> {
  const java = await rigJava();
  const home = await makeServerHome(options.name, options.dataDir);
  try {
    const [freePort = 0, controllerPort = 0] = await freePorts(2);
    const port = options.port ?? freePort;
    const properties = brokerProperties(
      { port, controllerPort, dataDir: home.dataDir, ...(options.proxied === undefined ? {} : { proxied: options.proxied }) },
      options.properties ?? {},
    );
    await writeFile(home.configFile, propertiesText(properties));
    const stored = await storedClusterId(home.dataDir);
    // A cluster id is 16 bytes in URL-safe base64; StorageTool would take a leading dash for an option.
    const clusterId = stored ?? options.clusterId ?? randomBytes(16).toString('base64url').replace(/^-/, 'A');
    const format = stored === undefined ? [clusterId, ...featureArguments(options.features ?? {})] : [];
    let server = await launch(java, home, port, options, format);
    return {
      name: options.name,
      bootstrap: `127.0.0.1:${port}`,
      port,
      clusterId,
      dataDir: home.dataDir,
      logFile: home.logFile,
      temporaryDirectory: home.temporaryDirectory,
      get pid() {
        return server.pid;
      },
      stop: () => server.end('SIGTERM', stopGraceMs),
      async kill(signal) {
        if (signal === 'SIGKILL' || signal === 'SIGTERM') await server.end(signal, stopGraceMs);
        else server.signal(signal);
      },
      async restart() {
        await server.end('SIGTERM', stopGraceMs);
        server = await launch(java, home, port, options, []);
      },
      async release() {
        await markReleased(home);
        await server.release();
      },
      async [Symbol.asyncDispose]() {
        // An orderly stop matters only to data that is kept.
        await server.end(home.temporaryDirectory === undefined ? 'SIGTERM' : 'SIGKILL', stopGraceMs);
        await removeServerHome(home);
      },
    };
  } catch (error) {
    await removeServerHome(home);
    throw error;
  }
}

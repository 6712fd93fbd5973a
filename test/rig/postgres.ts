import { execFile } from 'node:child_process';
import { chown, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { exists } from './java.ts';
import { freePorts } from './ports.ts';
import { type PostgresInstall, postgresInstall } from './postgres-install.ts';
import { makeServerHome, markReleased, removeServerHome, type ServerHome } from './server-home.ts';
import { type SupervisedServer, supervise, waitUntilReady } from './supervised.ts';

const run = promisify(execFile);

export interface PostgresOptions {
  /** Names the temporary directory and the errors. */
  readonly name: string;
  /** Kept on dispose; a directory that holds a database cluster already is used as it is. Default: a temporary directory. */
  readonly dataDir?: string;
  readonly port?: number;
  /** Settings of the server, as in postgresql.conf: `{ fsync: 'off' }`. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** PostgreSQL's own words: wait for clients; end their sessions; stop without a checkpoint, as a crash would. */
export type PostgresStopMode = 'smart' | 'fast' | 'immediate';

export interface PostgresServer extends AsyncDisposable {
  readonly name: string;
  /** Of database `postgres`, as its superuser. */
  readonly url: string;
  readonly port: number;
  /** Of the postmaster running now, or last. Throws for a server that is not a process started here. */
  readonly pid: number;
  readonly dataDir: string;
  readonly logFile: string;
  /** Removed on dispose; undefined where the data is not ours to remove. */
  readonly temporaryDirectory: string | undefined;
  /** Stops and keeps the data, for `restart`. Default mode: fast. */
  stop(mode?: PostgresStopMode): Promise<void>;
  /** SIGKILL ends the postmaster and all its children and resolves when they are gone; other signals go to the postmaster. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts again with the same port and data, stopping first when it runs. */
  restart(): Promise<void>;
  /** Creates an empty database and returns its URL. */
  createDatabase(name: string): Promise<string>;
  /** Leaves server and data behind when this process ends. */
  release(): Promise<void>;
  /** Stops it; removes the data unless `dataDir` was given. */
  [Symbol.asyncDispose](): Promise<void>;
}

const stopSignals: Record<PostgresStopMode, NodeJS.Signals> = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' };
const readyDeadlineMs = 60_000;
const stopGraceMs = 20_000;

export async function createDatabaseAt(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${pg.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  const created = new URL(url);
  created.pathname = `/${encodeURIComponent(name)}`;
  return created.href;
}

export async function databaseAnswers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // A server that goes away between two packets must not end the test process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function initialise(install: PostgresInstall, home: ServerHome): Promise<void> {
  await mkdir(home.dataDir, { mode: 0o700 });
  if (install.user !== undefined) await chown(home.dataDir, install.user.uid, install.user.gid);
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  await run(install.initdb, ['-D', home.dataDir, '-U', 'postgres', '--auth=trust', '--no-sync', ...locale], { cwd: '/', ...install.user });
}

function settings(port: number, parameters: Readonly<Record<string, string>>): string[] {
  const all = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    TimeZone: 'UTC',
    log_timezone: 'UTC',
    ...parameters,
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function launch(
  install: PostgresInstall,
  home: ServerHome,
  url: string,
  port: number,
  options: PostgresOptions,
): Promise<SupervisedServer> {
  const server = await supervise({
    command: install.postgres,
    args: ['-D', home.dataDir, ...settings(port, options.parameters ?? {})],
    cwd: '/',
    env: {},
    ...install.user,
    logFile: home.logFile,
    // Immediate, not SIGKILL: it frees shared memory that would otherwise stay allocated.
    orphanSignal: 'SIGQUIT',
    orphanGraceMs: 5_000,
    ...(home.temporaryDirectory === undefined ? {} : { temporaryDirectory: home.temporaryDirectory }),
  });
  try {
    await waitUntilReady({
      name: `PostgreSQL ${options.name}`,
      server,
      isReady: () => databaseAnswers(url),
      deadlineMs: readyDeadlineMs,
      logFile: home.logFile,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (error) {
    await server.end('SIGQUIT', stopGraceMs);
    throw error;
  }
  return server;
}

/** Direct children of a process, where the system tells (Linux). */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

async function killWithChildren(server: SupervisedServer): Promise<void> {
  // Backends have sessions of their own and outlive a killed postmaster until they notice; a restart meanwhile is refused.
  const children = server.running ? await childrenOf(server.pid) : [];
  const ended = server.end('SIGKILL', 0);
  for (const child of children) {
    try {
      process.kill(child, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  await ended;
}

/** PostgreSQL on loopback, open to every local user, answering when the promise resolves. It ends with this process, however this process ends. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const install = await postgresInstall();
  const home = await makeServerHome(options.name, options.dataDir);
  try {
    if (!(await exists(join(home.dataDir, 'PG_VERSION')))) await initialise(install, home);
    const [freePort = 0] = options.port === undefined ? await freePorts(1) : [];
    const port = options.port ?? freePort;
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    let server = await launch(install, home, url, port, options);
    const stop = (mode: PostgresStopMode = 'fast'): Promise<void> => server.end(stopSignals[mode], stopGraceMs);
    return {
      name: options.name,
      url,
      port,
      dataDir: home.dataDir,
      logFile: home.logFile,
      temporaryDirectory: home.temporaryDirectory,
      get pid() {
        return server.pid;
      },
      stop,
      async kill(signal) {
        if (signal === 'SIGKILL') await killWithChildren(server);
        else server.signal(signal);
      },
      async restart() {
        await stop();
        server = await launch(install, home, url, port, options);
      },
      createDatabase: (name) => createDatabaseAt(url, name),
      async release() {
        await markReleased(home);
        await server.release();
      },
      async [Symbol.asyncDispose]() {
        await stop(home.temporaryDirectory === undefined ? 'fast' : 'immediate');
        await removeServerHome(home);
      },
    };
  } catch (error) {
    await removeServerHome(home);
    throw error;
  }
}

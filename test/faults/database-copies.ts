import { execFile } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { eventually } from '../rig/context.ts';
import { type PostgresServer, startPostgres } from '../rig/postgres.ts';

const run = promisify(execFile);
/** What a standby needs of a primary that goes on writing while it is copied. */
export const copyableParameters = { wal_keep_size: '256MB', wal_level: 'replica', max_wal_senders: '4' } as const;

/** The data directory of a server as it was during one moment; a folder of its own, removed on dispose. */
export class DatabaseCopy implements AsyncDisposable {
  readonly #folder: string;
  readonly dataDir: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.dataDir = join(folder, 'data');
  }

  /** A base backup by hand: pg_basebackup is not installed everywhere. The server goes on meanwhile. */
  static async of(server: PostgresServer): Promise<DatabaseCopy> {
    const folder = await mkdtemp(join(tmpdir(), 'farshore-copy-'));
    // The server runs as another user where this runs as root.
    await chmod(folder, 0o711);
    const copy = new DatabaseCopy(folder);
    const { uid, gid } = await stat(server.dataDir);
    await chown(folder, uid, gid);
    const session = new pg.Client({ connectionString: server.url });
    await session.connect();
    try {
      await session.query("select pg_backup_start('copy', true)");
      await copied(`${server.dataDir}/.`, copy.dataDir);
      const { rows } = await session.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
      await writeFile(join(copy.dataDir, 'backup_label'), rows[0]!.labelfile);
      await chown(join(copy.dataDir, 'backup_label'), uid, gid);
      // The log up to the end of the backup: without it the copy is torn.
      await copied(`${join(server.dataDir, 'pg_wal')}/.`, join(copy.dataDir, 'pg_wal'));
      for (const own of ['postmaster.pid', 'postmaster.opts']) await rm(join(copy.dataDir, own), { force: true });
    } finally {
      await session.end();
    }
    return copy;
  }

  /** Serves the copy where another server was, as that other server would. */
  async serve(name: string, port: number): Promise<PostgresServer> {
    return await startPostgres({ name, dataDir: this.dataDir, port, parameters: copyableParameters });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Files that are gone before they were reached are not part of the backup. */
async function copied(from: string, to: string): Promise<void> {
  try {
    await run('cp', ['-a', from, to], { env: { ...process.env, LC_ALL: 'C' } });
  } catch (error) {
    const lines = String((error as { stderr?: string }).stderr)
      .split('\n')
      .filter((line) => line !== '');
    if (lines.length === 0 || !lines.every((line) => line.endsWith('No such file or directory'))) throw error;
  }
}

/** An asynchronous standby of a server, streaming. */
export class Standby implements AsyncDisposable {
  readonly #copy: DatabaseCopy;
  readonly #server: PostgresServer;

  private constructor(copy: DatabaseCopy, server: PostgresServer) {
    this.#copy = copy;
    this.#server = server;
  }

  static async of(source: PostgresServer): Promise<Standby> {
    const copy = await DatabaseCopy.of(source);
    try {
      const { uid, gid } = await stat(source.dataDir);
      const signal = join(copy.dataDir, 'standby.signal');
      await writeFile(signal, '');
      await chown(signal, uid, gid);
      const settings = join(copy.dataDir, 'postgresql.auto.conf');
      await writeFile(settings, `primary_conninfo = 'host=127.0.0.1 port=${source.port} user=postgres'\n`);
      await chown(settings, uid, gid);
      const server = await startPostgres({
        name: 'standby',
        dataDir: copy.dataDir,
        parameters: { ...copyableParameters, hot_standby: 'on' },
      });
      return new Standby(copy, server);
    } catch (error) {
      await copy[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return this.#server.url;
  }

  async streams(): Promise<void> {
    await eventually(async () => (await ask(this.url, "select 1 from pg_stat_wal_receiver where status = 'streaming'")).length === 1, {
      what: 'the standby streaming',
    });
  }

  /** From now on it receives nothing: what the source commits next exists nowhere else. */
  async cutOff(): Promise<void> {
    await ask(this.url, "alter system set primary_conninfo = ''");
    await ask(this.url, 'select pg_reload_conf()');
    await eventually(async () => (await ask(this.url, 'select 1 from pg_stat_wal_receiver')).length === 0, { what: 'the standby cut off' });
  }

  /** Becomes a server of its own and takes the place of the one that is gone. The caller ends it before this is disposed of. */
  async takeOver(port: number): Promise<PostgresServer> {
    await ask(this.url, 'select pg_promote(true, 60)');
    await this.#server.stop();
    return await this.#copy.serve('promoted', port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#copy[Symbol.asyncDispose]();
  }
}

async function ask(url: string, text: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

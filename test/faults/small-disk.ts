import { execFile } from 'node:child_process';
import { chown, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { PostgresServer } from '../rig/postgres.ts';

const run = promisify(execFile);
const DISK_FULL = '53100';

/** A tablespace on a small file system in memory, which can be filled. */
export class SmallDisk implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Undefined where the server is not of this machine, or who runs this may not mount. */
  static async mount({ temporaryDirectory, dataDir }: PostgresServer, mebibytes: number): Promise<SmallDisk | undefined> {
    if (temporaryDirectory === undefined || process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
    const folder = await mkdtemp(join(tmpdir(), 'farshore-disk-'));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0700`, 'tmpfs', folder]);
    } catch {
      await rm(folder, { recursive: true });
      return undefined;
    }
    const { uid, gid } = await stat(dataDir);
    await chown(folder, uid, gid);
    return new SmallDisk(folder);
  }

  /** Moves a table there. */
  async holds(client: pg.Pool, table: string): Promise<void> {
    await client.query(`create tablespace small location '${this.#folder}'`);
    await client.query(`alter table ${table} set tablespace small`);
  }

  /** Until not one page more fits. */
  async fill(client: pg.Pool): Promise<void> {
    await client.query('create table filler (page text) tablespace small; alter table filler alter page set storage plain');
    for (const pages of [500, 1]) {
      for (;;) {
        try {
          await client.query(`insert into filler select repeat('x', 7000) from generate_series(1, ${pages})`);
        } catch (error) {
          if (error instanceof pg.DatabaseError && error.code === DISK_FULL) break;
          throw error;
        }
      }
    }
  }

  async empty(client: pg.Pool): Promise<void> {
    await client.query('drop table filler');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Lazily: the server that has files open there is ended after this.
    await run('umount', ['-l', this.#folder]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
